import { createHash } from 'node:crypto';
import { type FileHandle, realpath } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { Readable } from 'node:stream';
import { isArtifactPath } from '../core/artifact-path.ts';
import { OpenFolder, openFileInside } from './open-folder.ts';
import { scanWorkspace, UNPUBLISHED_FOLDER } from './scan.ts';
import { prepareWorkspace, workspaceOf } from './workspace.ts';

const CHUNK_BYTES = 256 * 1024;

/** A file that is held open; what it says of itself is true of what `read` gives. */
class OpenSessionFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly #handle: FileHandle;

  constructor(file: Pick<OpenSessionFile, 'path' | 'sizeBytes' | 'sha256'>, handle: FileHandle) {
    this.path = file.path;
    this.sizeBytes = file.sizeBytes;
    this.sha256 = file.sha256;
    this.#handle = handle;
  }

  async read(part?: { readonly firstByte: number; readonly lastByte: number }): Promise<Readable> {
    const { firstByte = 0, lastByte = this.sizeBytes - 1 } = part ?? {};
    const stream = Readable.from(readBytes(this.#handle, firstByte, lastByte + 1), { objectMode: false });
    stream.once('close', () => void this.close());
    return await Promise.resolve(stream);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

/** The workspaces below a data folder, for whoever is not a run: listing, reading, and bringing files in. */
export class SessionFiles {
  readonly #dataDir: string;

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  /** At most so many, sorted bytewise by path; null when there is no such workspace here. */
  async list(sessionNum: number, limit: number): Promise<{ path: string; sizeBytes: number }[] | null> {
    const root = workspaceOf(this.#dataDir, sessionNum);
    if (!(await this.#exists(root))) return null;
    const { files } = await scanWorkspace(root);
    return [...files]
      .filter(([path]) => isServable(path))
      .map(([path, { size }]) => ({ path, sizeBytes: size }))
      .sort((left, right) => Buffer.compare(Buffer.from(left.path), Buffer.from(right.path)))
      .slice(0, limit);
  }

  /** Links are followed inside the workspace, never out of it. */
  async open(sessionNum: number, path: string): Promise<OpenSessionFile | 'elsewhere' | null> {
    const root = workspaceOf(this.#dataDir, sessionNum);
    if (!(await this.#exists(root))) return 'elsewhere';
    if (!isServable(path)) return null;
    const inside = await resolveLinks(root, path);
    if (inside === null || !isServable(inside)) return null;
    // From here on no link is followed: whoever swaps a folder for one meanwhile gains nothing.
    const handle = await openFileInside(root, inside);
    if (handle === null) return null;
    try {
      const { size, nlink } = await handle.stat();
      if (nlink > 1 && !(await this.#isLinkedInside(root, handle, nlink))) {
        await handle.close();
        return null;
      }
      const sha256 = await digestOf(handle, size);
      return new OpenSessionFile({ path, sizeBytes: size, sha256 }, handle);
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  /** Makes or replaces a file, with its folders, as the workspace's owner; false for a path that leads to no place for one. */
  async write(sessionNum: number, file: { readonly path: string; readonly bytes: Uint8Array }): Promise<boolean> {
    if (!isServable(file.path)) return false;
    const root = await OpenFolder.open(await prepareWorkspace(this.#dataDir, sessionNum));
    if (root === null) return false;
    const owner = await root.owner();
    let folder: OpenFolder = root;
    const names = file.path.split('/');
    const last = names.pop() ?? '';
    try {
      for (const name of names) {
        const next = await folder.makeFolder(name, owner);
        await folder.close();
        if (next === null) return false;
        folder = next;
      }
      return await folder.replaceFile(last, file.bytes, owner);
    } finally {
      await folder.close();
    }
  }

  async #exists(root: string): Promise<boolean> {
    const folder = await OpenFolder.open(root);
    await folder?.close();
    return folder !== null;
  }

  /** False when another name of the file is outside the workspace: then it may not be the session's to give away. */
  async #isLinkedInside(root: string, handle: FileHandle, links: number): Promise<boolean> {
    const { ino } = await handle.stat({ bigint: true });
    const { files } = await scanWorkspace(root);
    return [...files.values()].filter(({ inode }) => inode === ino).length >= links;
  }
}

/** A backslash separates folders for some clients, so no name with one is given out. */
const isServable = (path: string): boolean =>
  isArtifactPath(path) && !path.includes('\\') && path.split('/')[0] !== UNPUBLISHED_FOLDER;

/** Where the path really leads, relative to the workspace; null when that is outside, or nowhere. */
const resolveLinks = async (root: string, path: string): Promise<string | null> => {
  try {
    const [base, target] = await Promise.all([realpath(root), realpath(join(root, path))]);
    return target.startsWith(base + sep) ? relative(base, target) : null;
  } catch {
    // Absent, a loop of links, a name that is too long: nothing that could be served.
    return null;
  }
};

const digestOf = async (handle: FileHandle, sizeBytes: number): Promise<string> => {
  const hash = createHash('sha256');
  for await (const chunk of readBytes(handle, 0, sizeBytes)) hash.update(chunk);
  return hash.digest('hex');
};

/** Ends early when the file became shorter: the answer then breaks off, and its client asks again. */
async function* readBytes(handle: FileHandle, start: number, end: number): AsyncGenerator<Uint8Array> {
  let position = start;
  while (position < end) {
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, end - position));
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, position);
    if (bytesRead === 0) return;
    position += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}
