import { randomUUID } from 'node:crypto';
import { type BigIntStats, constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open, opendir, rename } from 'node:fs/promises';
import { join } from 'node:path';

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

/** Whom a file is given to. */
export interface FileOwner {
  readonly uid: number;
  readonly gid: number;
}

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

  /** The folder of that name, made when missing and given to the owner then; null when something else has the name. The caller closes it. */
  async makeFolder(name: string, owner: FileOwner): Promise<OpenFolder | null> {
    const path = join(this.#path, name);
    const isNew = await mkdir(path, { mode: 0o755 }).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'EEXIST') return false;
        throw error;
      },
    );
    const folder = await this.openFolder(name);
    if (isNew) await folder?.giveTo(owner);
    return folder;
  }

  /** Makes or replaces a regular file at one blow, durably; false when something else has the name. */
  async replaceFile(name: string, bytes: Uint8Array, owner: FileOwner): Promise<boolean> {
    const found = await this.stat(name);
    if (found !== null && !found.isFile()) return false;
    const draft = join(this.#path, `.${randomUUID()}.part`);
    const handle = await open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o644);
    try {
      await handle.writeFile(bytes);
      await giveHandle(handle, owner);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, join(this.#path, name));
    await this.#handle.sync();
    return true;
  }

  /** Whom it belongs to. */
  async owner(): Promise<FileOwner> {
    const { uid, gid } = await this.#handle.stat();
    return { uid, gid };
  }

  async giveTo(owner: FileOwner): Promise<void> {
    await giveHandle(this.#handle, owner);
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

/** Only root can give a file away; any other user's own sandboxes run as that user. */
const giveHandle = async (handle: FileHandle, { uid, gid }: FileOwner): Promise<void> => {
  if (process.getuid?.() === 0) await handle.chown(uid, gid);
};

const nullWhenChanged = (error: NodeJS.ErrnoException): null => {
  if (error.code !== undefined && CHANGED_CODES.has(error.code)) return null;
  throw error;
};
