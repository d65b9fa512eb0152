import type { Readable } from 'node:stream';

export interface WorkspaceEntry {
  /** Relative to the workspace, with `/` between the parts. */
  readonly path: string;
  readonly type: 'file' | 'directory' | 'link' | 'other';
  readonly bytes: number;
  readonly modifiedAt: Date;
}

export interface WorkspaceFile {
  readonly bytes: number;
  readonly modifiedAt: Date;
  readonly stream: Readable;
}

export interface ListOptions {
  readonly recursive?: boolean | undefined;
  /** Stops after this many entries; 10,000 when absent. */
  readonly maxEntries?: number | undefined;
}
