import { constants } from 'node:fs';
import { chmod, lstat, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { faultCode } from './system-fault.ts';

/** Even an empty file takes an inode; a million of them must not look like nothing. */
const MIN_ENTRY_BYTES = 1024;

/**
 * Disk that a workspace takes, counted in allocated blocks.
 * Infinity for a tree that cannot be measured because its paths are longer than the kernel takes: hiding must not pay.
 */
export const measureWorkspace = async (root: string): Promise<number> => {
  let total = 0;
  const pending = [root];
  for (let folder = pending.pop(); folder !== undefined; folder = pending.pop()) {
    const names = await readFolder(folder);
    if (names === null) return Number.POSITIVE_INFINITY;
    for (const name of names) {
      const path = join(folder, name);
      const stats = await lstat(path).catch(() => null);
      if (stats?.isDirectory() === true) pending.push(path);
      total += Math.max(MIN_ENTRY_BYTES, (stats?.blocks ?? 0) * 512);
    }
  }
  return total;
};

const readFolder = async (folder: string): Promise<readonly string[] | null> => {
  try {
    return await readdir(folder);
  } catch (error) {
    const code = faultCode(error);
    if (code === 'ENAMETOOLONG') return null;
    if (code !== 'EACCES') return [];
    return (await makeReadable(folder)) ? readFolder(folder) : [];
  }
};

/** Sandboxed code may have shut a folder of its own; through the open folder, so that it cannot be swapped for a link. */
const makeReadable = async (folder: string): Promise<boolean> => {
  const O_PATH = 0o10000000;
  const handle = await open(folder, O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW).catch(() => null);
  if (handle === null) return false;
  try {
    await chmod(`/proc/self/fd/${handle.fd}`, 0o700);
    return true;
  } catch {
    // Not ours, or gone: nothing that the sandbox could have filled.
    return false;
  } finally {
    await handle.close();
  }
};
