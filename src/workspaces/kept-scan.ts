import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type FileStamp, scanWorkspace, type WorkspaceScan } from './scan.ts';

/** A job in the workspace of its session. */
export interface JobPlace {
  /** As `prepareWorkspace` answered it. */
  readonly root: string;
  readonly jobId: string;
}

/** A path, its size, and its times and inode as decimal text, which JSON has no numbers for. */
type KeptFile = readonly [path: string, size: number, mtimeNs: string, inode: string];

interface KeptScan {
  readonly isComplete: boolean;
  readonly files: readonly KeptFile[];
}

/**
 * The workspace as it was before the first attempt of the job. It is kept beside the workspace, out of the agent's
 * reach, so that an attempt after a crash still counts what the crashed one made among the job's files.
 */
export const scanBeforeJob = async (place: JobPlace): Promise<WorkspaceScan> => {
  const kept = await findScan(place);
  if (kept !== null) return kept;
  const scan = await scanWorkspace(place.root);
  await keep(place, scan);
  return scan;
};

/** Removes what was kept for the job. Safe twice. */
export const forgetScan = async (place: JobPlace): Promise<void> => {
  await rm(pathOf(place), { force: true });
};

const pathOf = ({ root, jobId }: JobPlace): string => join(dirname(root), 'before', `${jobId}.json`);

/** What scanBeforeJob kept; null when the job has not begun, or ran on another node's disk. */
export const findScan = async (place: JobPlace): Promise<WorkspaceScan | null> => {
  const text = await readFile(pathOf(place), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error;
    return null;
  });
  if (text === null) return null;
  // Written below, by this program alone, and moved into place only when it was whole.
  const { isComplete, files } = JSON.parse(text) as KeptScan;
  return { isComplete, files: new Map(files.map(toEntry)) };
};

const toEntry = ([path, size, mtimeNs, inode]: KeptFile): [string, FileStamp] => [
  path,
  { size, mtimeNs: BigInt(mtimeNs), inode: BigInt(inode) },
];

const keep = async (place: JobPlace, { files, isComplete }: WorkspaceScan): Promise<void> => {
  const path = pathOf(place);
  const kept: KeptScan = {
    isComplete,
    files: [...files].map(([name, stamp]) => [name, stamp.size, String(stamp.mtimeNs), String(stamp.inode)]),
  };
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, JSON.stringify(kept), { mode: 0o600 });
  await rename(draft, path);
};
