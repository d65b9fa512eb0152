import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, lstat, open, opendir } from 'node:fs/promises';
import { join } from 'node:path';

const { O_DIRECTORY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;

/** What opening answers when a name is not, or no longer, what its folder said it was. */
const CHANGED_CODES = new Set(['ENOENT', 'ELOOP', 'ENOTDIR', 'EMLINK', 'ENXIO', 'EACCES', 'EPERM']);

/**
 * A folder held open. An agent's process may swap files and folders for symbolic links at any moment; names are
 * therefore looked up in the open folder itself, one at a time, and no link is ever followed.
 */
export class OpenFolder {
  readonly #handle: FileHandle;
  readonly #path: string;

  private constructor(handle: FileHandle, path: string) {
    this.#handle = handle;
    this.#path = path;
  }

  /** Null when the path does not lead to a folder, or leads to a link to one. The caller closes it. */
  static async open(path: string): Promise<OpenFolder | null> {
    const handle = await open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW).catch(nullWhenChanged);
    // Linux lets an open folder be addressed, whatever its path leads to by now. Elsewhere the path has to do.
    const address = process.platform === 'linux' ? `/proc/self/fd/${handle?.fd}` : path;
    return handle === null ? null : new OpenFolder(handle, address);
  }

  /** Who owns the folder itself. */
  async ownerUid(): Promise<number> {
    return (await this.#handle.stat()).uid;
  }

  /** The path to use for an entry of the open folder. What follows links is not to be done with it. */
  pathOf(name: string): string {
    return join(this.#path, name);
  }

  /** Null when the name is not that of a folder. The caller closes it. */
  async openFolder(name: string): Promise<OpenFolder | null> {
    return await OpenFolder.open(join(this.#path, name));
  }

  /** Null when the name is not that of a regular file. Never blocks on a pipe. The caller closes it. */
  async openFile(name: string): Promise<FileHandle | null> {
    const handle = await open(join(this.#path, name), O_RDONLY | O_NOFOLLOW | O_NONBLOCK).catch(nullWhenChanged);
    if (handle === null || (await handle.stat()).isFile()) return handle;
    await handle.close();
    return null;
  }

  /** At most so many names, in no particular order. */
  async names(limit: number): Promise<readonly string[]> {
    const found: string[] = [];
    if (limit <= 0) return found;
    for await (const entry of await opendir(this.#path)) {
      found.push(entry.name);
      if (found.length >= limit) break;
    }
    return found;
  }

  /** Null when the name is gone, or is no UTF-8 text and so cannot be spelled here. */
  async stat(name: string): Promise<BigIntStats | null> {
    return await lstat(join(this.#path, name), { bigint: true }).catch(nullWhenChanged);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

/** The regular file at a relative path; null when any part of the path is something else. The caller closes it. */
export const openFileInside = async (root: string, path: string): Promise<FileHandle | null> => {
  const folder = await OpenFolder.open(root);
  return folder === null ? null : await descend(folder, path.split('/'));
};

/** Closes the folder that it is given. */
const descend = async (folder: OpenFolder, parts: readonly string[]): Promise<FileHandle | null> => {
  const [name = '', ...rest] = parts;
  let child: OpenFolder | null;
  try {
    if (rest.length === 0) return await folder.openFile(name);
    child = await folder.openFolder(name);
  } finally {
    await folder.close();
  }
  return child === null ? null : await descend(child, rest);
};

const nullWhenChanged = (error: NodeJS.ErrnoException): null => {
  if (error.code !== undefined && CHANGED_CODES.has(error.code)) return null;
  throw error;
};
