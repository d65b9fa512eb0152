import type { SandboxLimitName } from './sandbox-limits.ts';

export type SandboxCommand = CommandOptions &
  (
    | { readonly script: string; readonly shell?: 'bash' | 'sh' | undefined; readonly argv?: never }
    | { readonly argv: readonly [string, ...string[]]; readonly script?: never; readonly shell?: never }
  );

export interface CommandOptions {
  /** Added to PATH, HOME, LANG and the like. Nothing of the server's own environment is ever present. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Folder in the workspace; the workspace itself when absent. */
  readonly cwd?: string | undefined;
  /**
   * 'pipe' keeps standard input open for SandboxProcess.write; it is empty when absent. Such a command serves for as long as
   * it is wanted: it has no wall time but timeoutMs, and outputBytes are counted anew from each write. Throws
   * INVALID_REQUEST where the shell is emulated.
   */
  readonly stdin?: 'pipe' | undefined;
  /** Lowers the sandbox's wallMs for this command. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onOutput?: ((chunk: OutputChunk) => void) | undefined;
}

/** UTF-8 text; characters are never cut in two, and bytes that are no UTF-8 arrive as U+FFFD. */
export interface OutputChunk {
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}

export interface CommandResult {
  /** Null when kazi ended the command. 128 + n when it died of signal n by itself. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly timedOut: boolean;
  readonly aborted: boolean;
  readonly limit: SandboxLimitName | null;
  /** The last million characters; onOutput sees everything. */
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;
}

export interface SandboxProcess {
  readonly result: Promise<CommandResult>;
  /** Resolves when the command's standard input has taken the text; rejects when it is not open, or not any more. */
  write(text: string): Promise<void>;
  /** Kills the command and all that it started; `result` resolves when they are gone. */
  kill(): void;
}
