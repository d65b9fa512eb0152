import { constants, type Stats } from 'node:fs';
import { chmod, copyFile, type FileHandle, mkdir, open, readlink, rm, symlink, utimes } from 'node:fs/promises';
import { KaziError } from '../core/errors.ts';
import { OpenFolder } from './open-folder.ts';

export interface CopyLimits {
  /** Files, folders and links. */
  readonly maxEntries: number;
  readonly maxDepth: number;
  /** Sizes of the files together, as they look: a hole counts as what it stands for. */
  readonly maxBytes: number;
}

const GIBIBYTE = 1024 ** 3;
/** Above what a sandbox lets a workspace grow to; what is beyond was made to be in the way. */
const DEFAULT_LIMITS: CopyLimits = { maxEntries: 500_000, maxDepth: 128, maxBytes: 16 * GIBIBYTE };
const CHUNK_BYTES = 256 * 1024;
const NOTHING = Buffer.alloc(CHUNK_BYTES);
/** Concurrent copies in one folder; more would only queue up for the four threads of the file system. */
const BATCH = 8;
const PERMISSIONS = 0o777;

/**
 * Copies the folders, regular files and symbolic links below a folder into an empty one, while the agent that owns the source
 * may still work there. Links are copied as links and never followed; what vanishes or is swapped meanwhile is left out,
 * as are pipes and devices. Answers false, and copies nothing, when there is no such folder. Throws FORK_REFUSED beyond a limit.
 */
export const copyTree = async (
  source: string,
  target: string,
  limits: CopyLimits = DEFAULT_LIMITS,
): Promise<boolean> => {
  const from = await OpenFolder.open(source);
  if (from === null) return false;
  const copy: RunningCopy = {
    limits,
    entries: 0,
    bytes: 0,
    canClone: process.platform === 'linux',
    ownerUid: await from.ownerUid(),
  };
  await copyFolder({ copy, from, target, depth: 0 });
  return true;
};

interface RunningCopy {
  readonly limits: CopyLimits;
  readonly ownerUid: number;
  entries: number;
  bytes: number;
  /** False once the file system has said that it cannot share the bytes of two files. */
  canClone: boolean;
}

interface FolderCopy {
  readonly copy: RunningCopy;
  /** Closed by the copy of it. */
  readonly from: OpenFolder;
  /** Exists. */
  readonly target: string;
  readonly depth: number;
}

interface EntryCopy {
  readonly copy: RunningCopy;
  readonly from: OpenFolder;
  readonly to: OpenFolder;
  readonly name: string;
}

const copyFolder = async ({ copy, from, target, depth }: FolderCopy): Promise<void> => {
  const to = await OpenFolder.open(target);
  try {
    if (to === null) throw new Error(`found no folder "${target}" to copy into`);
    const { maxEntries, maxDepth } = copy.limits;
    const names = await from.names(maxEntries + 1 - copy.entries);
    copy.entries += names.length;
    if (copy.entries > maxEntries) throw refused(`its workspace has more than ${maxEntries} entries`);
    const folders: { readonly name: string; readonly mode: number }[] = [];
    for (let start = 0; start < names.length; start += BATCH) {
      const batch = names.slice(start, start + BATCH);
      // All of them to their end: the folders that they work in are closed after a failure.
      const done = await Promise.allSettled(batch.map(async (name) => await copyEntry({ copy, from, to, name })));
      for (const entry of done) {
        if (entry.status === 'rejected') throw entry.reason;
        if (entry.value !== null) folders.push(entry.value);
      }
    }
    for (const { name, mode } of folders) {
      if (depth >= maxDepth) throw refused(`its workspace is deeper than ${maxDepth} folders`);
      const child = await from.openFolder(name);
      if (child === null) continue;
      const path = to.pathOf(name);
      await mkdir(path, { mode: 0o700 }).catch(closing(child));
      await copyFolder({ copy, from: child, target: path, depth: depth + 1 });
      // At last: a folder that may not be written to could not have been filled.
      await chmod(path, mode & PERMISSIONS);
    }
  } finally {
    await Promise.all([from.close(), to?.close()]);
  }
};

const closing =
  (folder: OpenFolder) =>
  async (error: unknown): Promise<never> => {
    await folder.close();
    throw error;
  };

/** Copies a file or a link; gives back a folder, whose turn comes when its siblings are done. */
const copyEntry = async (entry: EntryCopy): Promise<{ readonly name: string; readonly mode: number } | null> => {
  const { from, to, name } = entry;
  const found = await from.stat(name);
  if (found?.isDirectory()) return { name, mode: Number(found.mode) };
  if (found?.isSymbolicLink()) {
    const leadsTo = await readlink(from.pathOf(name), { encoding: 'buffer' }).catch(() => null /* swapped meanwhile */);
    if (leadsTo !== null) await symlink(leadsTo, to.pathOf(name));
  }
  if (found?.isFile()) await copyRegularFile(entry);
  return null;
};

const copyRegularFile = async ({ copy, from, to, name }: EntryCopy): Promise<void> => {
  const handle = await from.openFile(name);
  if (handle === null) return;
  try {
    const stats = await handle.stat();
    const { size, nlink, uid } = stats;
    // A second name of somebody else's file: the agent could make the name, not read the file.
    if (nlink > 1 && uid !== copy.ownerUid) return;
    copy.bytes += size;
    if (copy.bytes > copy.limits.maxBytes) throw refused(`its files have more than ${copy.limits.maxBytes} bytes`);
    const path = to.pathOf(name);
    if (!(await tryClone(copy, handle, path))) return await writeBytes(handle, path, stats);
    await chmod(path, stats.mode & PERMISSIONS);
    await utimes(path, stats.atime, stats.mtime);
  } finally {
    await handle.close();
  }
};

/** Lets both files share their bytes until one is written to, where the file system can. */
const tryClone = async (copy: RunningCopy, handle: FileHandle, path: string): Promise<boolean> => {
  if (!copy.canClone) return false;
  try {
    await copyFile(`/proc/self/fd/${handle.fd}`, path, constants.COPYFILE_FICLONE_FORCE);
    return true;
  } catch {
    copy.canClone = false;
    await rm(path, { force: true });
    return false;
  }
};

/**
 * As many bytes as the file had when it was looked at: one that grows for ever is not copied for ever, and one that was cut
 * short keeps its length. The copyFile of Node would wait for the missing bytes. Holes stay holes.
 */
const writeBytes = async (handle: FileHandle, path: string, stats: Stats): Promise<void> => {
  const { size } = stats;
  const target = await open(path, 'wx', 0o600);
  try {
    const buffer = Buffer.allocUnsafe(Math.min(CHUNK_BYTES, Math.max(size, 1)));
    let position = 0;
    let end = 0;
    while (position < size) {
      const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, size - position), position);
      if (bytesRead === 0) break;
      const bytes = buffer.subarray(0, bytesRead);
      const isHole = bytes.equals(NOTHING.subarray(0, bytesRead));
      if (!isHole) await writeAll(target, bytes, position);
      position += bytesRead;
      if (!isHole) end = position;
    }
    if (end < position) await target.truncate(position);
    await target.chmod(stats.mode & PERMISSIONS);
    await target.utimes(stats.atime, stats.mtime);
  } finally {
    await target.close();
  }
};

const writeAll = async (target: FileHandle, bytes: Buffer, start: number): Promise<void> => {
  let written = 0;
  while (written < bytes.length) {
    const { bytesWritten } = await target.write(bytes, written, bytes.length - written, start + written);
    written += bytesWritten;
  }
};

const refused = (reason: string): KaziError => new KaziError('FORK_REFUSED', { reason });
