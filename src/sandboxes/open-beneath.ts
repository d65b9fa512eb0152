import { constants } from 'node:fs';
import { type FileHandle, lstat, mkdir, open } from 'node:fs/promises';
import { join } from 'node:path';
import { isKaziError } from '../core/errors.ts';
import { faultCode, translateFault } from './system-fault.ts';
import { refusedPath } from './workspace-path.ts';

/** Who owns what kazi makes in a workspace; null keeps the server's own user. */
export interface WorkspaceOwner {
  readonly uid: number;
  readonly gid: number;
}

const FOLDER_FLAGS = constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW;

/**
 * A folder below a workspace, opened one name at a time without following links, so that code in the sandbox that swaps a
 * folder for a link while we walk cannot lead us out. `at(name)` is the path to use for an entry of it.
 *
 * On Linux that path goes through /proc/self/fd, which names the open folder itself: the openat of a language without it.
 * Elsewhere it is the plain path, checked again after opening; only the emulated sandbox runs there, whose shell cannot make links.
 */
export class OpenFolder {
  readonly #handle: FileHandle;
  readonly #path: string;

  constructor(handle: FileHandle, path: string) {
    this.#handle = handle;
    this.#path = path;
  }

  at(name: string): string {
    return process.platform === 'linux' ? `/proc/self/fd/${this.#handle.fd}/${name}` : join(this.#path, name);
  }

  /** The folder's own path, for reading its entries. */
  get self(): string {
    return process.platform === 'linux' ? `/proc/self/fd/${this.#handle.fd}` : this.#path;
  }

  /** Opens an entry without following it; a link is refused. */
  async open(name: string, flags: number, mode?: number): Promise<FileHandle> {
    const handle = await open(this.at(name), flags | constants.O_NOFOLLOW, mode);
    if (process.platform === 'linux') return handle;
    const [opened, found] = await Promise.all([handle.stat(), lstat(join(this.#path, name))]);
    if (opened.ino === found.ino && opened.dev === found.dev) return handle;
    await handle.close();
    throw refusedPath(name);
  }

  async folder(name: string): Promise<OpenFolder> {
    return new OpenFolder(await this.open(name, FOLDER_FLAGS), join(this.#path, name));
  }

  async giveTo(owner: WorkspaceOwner | null): Promise<void> {
    if (owner !== null) await this.#handle.chown(owner.uid, owner.gid);
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }
}

/** Runs `use` with the folder that `names` lead to; `create` makes missing folders for that owner. Links on the way are refused. */
export const withFolder = async <T>(
  root: string,
  names: readonly string[],
  use: (folder: OpenFolder) => Promise<T>,
  create?: { readonly owner: WorkspaceOwner | null },
): Promise<T> => {
  let folder = new OpenFolder(await open(root, FOLDER_FLAGS), root);
  try {
    for (const name of names) {
      const next = await enterFolder(folder, name, create);
      await folder.close();
      folder = next;
    }
    return await use(folder);
  } catch (error) {
    throw isKaziError(error) ? error : translateFault(error, names.join('/'));
  } finally {
    await folder.close();
  }
};

const enterFolder = async (
  folder: OpenFolder,
  name: string,
  create: { readonly owner: WorkspaceOwner | null } | undefined,
): Promise<OpenFolder> => {
  let isNew = false;
  if (create !== undefined) {
    try {
      await mkdir(folder.at(name), { mode: 0o755 });
      isNew = true;
    } catch (error) {
      if (faultCode(error) !== 'EEXIST') throw error;
    }
  }
  try {
    const next = await folder.folder(name);
    if (isNew) await next.giveTo(create?.owner ?? null);
    return next;
  } catch (error) {
    // With O_DIRECTORY the kernel reports a link as ENOTDIR rather than ELOOP.
    if (faultCode(error) === 'ENOTDIR' && (await lstat(folder.at(name))).isSymbolicLink())
      throw refusedPath(name, error);
    throw error;
  }
};
