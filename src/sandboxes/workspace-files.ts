import { randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, readdir, rename, rmdir, unlink } from 'node:fs/promises';
import { KaziError } from '../core/errors.ts';
import { type OpenFolder, type WorkspaceOwner, withFolder } from './open-beneath.ts';
import { faultCode, translateFault } from './system-fault.ts';
import type { ListOptions, WorkspaceEntry, WorkspaceFile } from './workspace-entry.ts';
import { parseWorkspacePath, refusedPath } from './workspace-path.ts';

const DEFAULT_MAX_BYTES = 64 * 1024 * 1024;
const DEFAULT_MAX_ENTRIES = 10_000;
/** Every level holds one descriptor while a tree is walked. */
const MAX_DEPTH = 256;

/**
 * The server's side of a workspace, safe against whatever the sandboxed code put there: links are refused, never followed;
 * pipes and devices are refused, never opened for real.
 */
export class WorkspaceFiles {
  readonly #root: string;
  readonly #owner: WorkspaceOwner | null;

  constructor(root: string, owner: WorkspaceOwner | null) {
    this.#root = root;
    this.#owner = owner;
  }

  async read(path: string, options: { readonly maxBytes?: number | undefined } = {}): Promise<Buffer> {
    const { handle, stats } = await this.#openFile(path);
    try {
      const maxBytes = options.maxBytes ?? DEFAULT_MAX_BYTES;
      if (stats.size > maxBytes) {
        throw new KaziError('INVALID_REQUEST', {
          message: `File too large: found "${path}" with ${stats.size} bytes, expected at most ${maxBytes}. Read it as a stream.`,
        });
      }
      return await readAtMost(handle, maxBytes);
    } finally {
      await handle.close();
    }
  }

  async readStream(path: string): Promise<WorkspaceFile> {
    const { handle, stats } = await this.#openFile(path);
    // `end` keeps a file that grows meanwhile at the size that was announced.
    const stream = handle.createReadStream({ start: 0, end: Math.max(0, stats.size - 1), autoClose: true });
    return { bytes: stats.size, modifiedAt: stats.mtime, stream };
  }

  async write(path: string, content: string | Uint8Array): Promise<void> {
    const { parents, name } = splitPath(path);
    await withFolder(this.#root, parents, (folder) => this.#replaceFile(folder, name, content), { owner: this.#owner });
  }

  async stat(path: string): Promise<WorkspaceEntry | null> {
    const names = parseWorkspacePath(path);
    const name = names.at(-1) ?? '.';
    try {
      return await withFolder(this.#root, names.slice(0, -1), async (folder) =>
        describeEntry(names.join('/'), await lstat(folder.at(name))),
      );
    } catch (error) {
      if (isAbsence(error)) return null;
      throw error;
    }
  }

  async list(path = '.', options: ListOptions = {}): Promise<readonly WorkspaceEntry[]> {
    const names = parseWorkspacePath(path);
    const entries: WorkspaceEntry[] = [];
    const maxEntries = options.maxEntries ?? DEFAULT_MAX_ENTRIES;
    const visit = async (folder: OpenFolder, prefix: string, depth: number): Promise<void> => {
      for (const name of (await readdir(folder.self)).sort()) {
        if (entries.length >= maxEntries) return;
        const stats = await lstat(folder.at(name)).catch(absentAsNull);
        if (stats === null) continue;
        entries.push(describeEntry(`${prefix}${name}`, stats));
        if (options.recursive !== true || !stats.isDirectory() || depth >= MAX_DEPTH) continue;
        await this.#visitFolder(folder, name, (next) => visit(next, `${prefix}${name}/`, depth + 1));
      }
    };
    const prefix = names.length === 0 ? '' : `${names.join('/')}/`;
    await withFolder(this.#root, names, (folder) => visit(folder, prefix, 0));
    return entries;
  }

  /** Removes an entry with all in it; the workspace itself is emptied, not removed. */
  async delete(path: string): Promise<void> {
    const names = parseWorkspacePath(path);
    const name = names.at(-1);
    try {
      if (name === undefined) await withFolder(this.#root, [], (folder) => this.#empty(folder, path, 0));
      else await withFolder(this.#root, names.slice(0, -1), (folder) => this.#remove(folder, name, path, 0));
    } catch (error) {
      if (!isAbsence(error)) throw error;
    }
  }

  async #openFile(path: string): Promise<{ handle: FileHandle; stats: Stats }> {
    const { parents, name } = splitPath(path);
    return withFolder(this.#root, parents, async (folder) => {
      // O_NONBLOCK: opening a pipe that the sandbox left there must not wait for a writer.
      const handle = await folder.open(name, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: unknown) => {
        throw translateFault(error, path);
      });
      const stats = await handle.stat();
      if (stats.isFile()) return { handle, stats };
      await handle.close();
      throw refusedPath(path);
    });
  }

  async #replaceFile(folder: OpenFolder, name: string, content: string | Uint8Array): Promise<void> {
    const existing = await lstat(folder.at(name)).catch(absentAsNull);
    if (existing !== null && !existing.isFile()) throw refusedPath(name);
    const draft = `.kazi-${randomBytes(8).toString('hex')}`;
    const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
    const handle = await folder.open(draft, flags, existing === null ? 0o644 : existing.mode & 0o777);
    try {
      if (this.#owner !== null) await handle.chown(this.#owner.uid, this.#owner.gid);
      await handle.writeFile(content);
      await rename(folder.at(draft), folder.at(name));
    } catch (error) {
      await unlink(folder.at(draft)).catch(absentAsNull);
      throw error;
    } finally {
      await handle.close();
    }
  }

  async #remove(folder: OpenFolder, name: string, path: string, depth: number): Promise<void> {
    const stats = await lstat(folder.at(name)).catch(absentAsNull);
    if (stats === null) return;
    if (!stats.isDirectory()) {
      await unlink(folder.at(name)).catch(absentAsNull);
      return;
    }
    await this.#visitFolder(folder, name, (next) => this.#empty(next, path, depth + 1));
    await rmdir(folder.at(name)).catch(absentAsNull);
  }

  async #empty(folder: OpenFolder, path: string, depth: number): Promise<void> {
    if (depth > MAX_DEPTH) throw refusedPath(path);
    for (const name of await readdir(folder.self)) await this.#remove(folder, name, path, depth);
  }

  async #visitFolder(folder: OpenFolder, name: string, use: (next: OpenFolder) => Promise<void>): Promise<void> {
    // A folder that vanished or was swapped for a link since it was listed is left alone.
    const next = await folder.folder(name).catch(() => null);
    if (next === null) return;
    try {
      await use(next);
    } finally {
      await next.close();
    }
  }
}

const splitPath = (path: string): { parents: readonly string[]; name: string } => {
  const names = parseWorkspacePath(path);
  const name = names.at(-1);
  if (name === undefined) throw refusedPath(path);
  return { parents: names.slice(0, -1), name };
};

const readAtMost = async (handle: FileHandle, maxBytes: number): Promise<Buffer> => {
  const { size } = await handle.stat();
  const buffer = Buffer.alloc(Math.min(size, maxBytes));
  let filled = 0;
  while (filled < buffer.length) {
    const { bytesRead } = await handle.read(buffer, filled, buffer.length - filled, filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
};

const describeEntry = (path: string, stats: Stats): WorkspaceEntry => ({
  path,
  type: entryType(stats),
  bytes: stats.size,
  modifiedAt: stats.mtime,
});

const entryType = (stats: Stats): WorkspaceEntry['type'] => {
  if (stats.isFile()) return 'file';
  if (stats.isDirectory()) return 'directory';
  return stats.isSymbolicLink() ? 'link' : 'other';
};

const isAbsence = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes(faultCode(error) ?? '');

const absentAsNull = (error: unknown): null => {
  if (isAbsence(error)) return null;
  throw error;
};
