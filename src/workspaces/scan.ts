import { OpenFolder } from './open-folder.ts';

/** What tells a changed file from an untouched one. */
export interface FileStamp {
  readonly size: number;
  readonly mtimeNs: bigint;
  readonly inode: bigint;
}

/** The regular files of a workspace at one time, by relative path. */
export interface WorkspaceScan {
  readonly files: ReadonlyMap<string, FileStamp>;
  /** False when a limit ended the scan early, so that a missing path proves nothing. */
  readonly isComplete: boolean;
}

export interface ScanLimits {
  /** Files and folders that are looked at. */
  readonly maxEntries: number;
  readonly maxDepth: number;
}

/**
 * Folder at the top of a workspace that is no part of what a job made: tools keep things there that the agent may look up
 * again (src/runtimes/llm/tools/bash.ts), such as whole outputs of commands.
 */
export const UNPUBLISHED_FOLDER = '.kazi';

const DEFAULT_LIMITS: ScanLimits = { maxEntries: 200_000, maxDepth: 64 };
/** Concurrent look-ups in one folder; more would only queue up for the four threads of the file system. */
const BATCH = 32;

/** Lists the regular files below a folder. Symbolic links are neither listed nor followed; a missing folder is empty, and `.kazi` at its top is left out. */
export const scanWorkspace = async (root: string, limits: ScanLimits = DEFAULT_LIMITS): Promise<WorkspaceScan> => {
  const scan: RunningScan = { files: new Map(), entriesLeft: limits.maxEntries, isComplete: true };
  const folder = await OpenFolder.open(root);
  if (folder !== null) await scanFolder({ scan, folder, prefix: '', depthLeft: limits.maxDepth });
  return { files: scan.files, isComplete: scan.isComplete };
};

/** The paths that are new in the later scan, or whose files were written to or replaced; sorted bytewise, as storage sorts. */
export const changedFiles = (before: WorkspaceScan, after: WorkspaceScan): readonly string[] =>
  [...after.files]
    .filter(([path, stamp]) => !isSame(before.files.get(path), stamp))
    .map(([path]) => path)
    .sort((left, right) => Buffer.compare(Buffer.from(left), Buffer.from(right)));

const isSame = (left: FileStamp | undefined, right: FileStamp): boolean =>
  left?.size === right.size && left.mtimeNs === right.mtimeNs && left.inode === right.inode;

interface RunningScan {
  readonly files: Map<string, FileStamp>;
  entriesLeft: number;
  isComplete: boolean;
}

interface FolderScan {
  readonly scan: RunningScan;
  /** Closed by the scan of it. */
  readonly folder: OpenFolder;
  readonly prefix: string;
  readonly depthLeft: number;
}

const scanFolder = async ({ scan, folder, prefix, depthLeft }: FolderScan): Promise<void> => {
  try {
    // One more than allowed, to learn whether there is more.
    const found = await folder.names(scan.entriesLeft + 1);
    const names = found.slice(0, scan.entriesLeft);
    if (names.length < found.length) scan.isComplete = false;
    scan.entriesLeft -= names.length;
    for (const name of await recordFiles({ scan, folder, prefix, names })) {
      if (prefix === '' && name === UNPUBLISHED_FOLDER) continue;
      const child = depthLeft > 0 ? await folder.openFolder(name) : null;
      if (depthLeft <= 0) scan.isComplete = false;
      if (child !== null)
        await scanFolder({ scan, folder: child, prefix: `${prefix}${name}/`, depthLeft: depthLeft - 1 });
    }
  } finally {
    await folder.close();
  }
};

interface Listing extends Omit<FolderScan, 'depthLeft'> {
  readonly names: readonly string[];
}

/** Adds the regular files among the names to the scan; returns the names of the folders. */
const recordFiles = async ({ scan, folder, prefix, names }: Listing): Promise<readonly string[]> => {
  const folders: string[] = [];
  for (let start = 0; start < names.length; start += BATCH) {
    const batch = names.slice(start, start + BATCH);
    const stats = await Promise.all(batch.map(async (name) => ({ name, found: await folder.stat(name) })));
    for (const { name, found } of stats) {
      if (found?.isDirectory()) folders.push(name);
      if (!found?.isFile()) continue;
      scan.files.set(prefix + name, { size: Number(found.size), mtimeNs: found.mtimeNs, inode: found.ino });
    }
  }
  return folders;
};
