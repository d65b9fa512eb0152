import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

const MEMORY = '/dev/shm';
/** Several times what a whole run was seen to hold at once (0.3 GB). */
const ENOUGH_BYTES = 2 * 1024 ** 3;

/**
 * Where tests keep their files: in memory where there is room, else os.tmpdir(). Each database alone is 300 small files that come
 * and go, and a file system on a disk may look for each new one past all that were removed in the last minutes (ext4 without a
 * journal does): a database was made in 70 ms in memory and in 240 ms beside it.
 */
const chooseFolder = (): string => {
  try {
    const { bavail, bsize } = statfsSync(MEMORY);
    return bavail * bsize >= ENOUGH_BYTES && mayRunPrograms(MEMORY) ? MEMORY : tmpdir();
  } catch {
    return tmpdir(); // No such folder on this system.
  }
};

/** Containers often mount it without: tests run what they write. */
const mayRunPrograms = (folder: string): boolean =>
  readFileSync('/proc/self/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .every(([, place, , options = '']) => place !== folder || !options.split(',').includes('noexec'));

/** Chosen before a run of tests names its own folder as TMPDIR. */
export const FAST_FOLDER = chooseFolder();

/** Makes the folder of this run, and removes those of runs that have ended without removing theirs. */
export const makeRunFolder = (): { readonly folder: string; readonly remove: () => void } => {
  for (const name of readdirSync(FAST_FOLDER)) {
    const [, pid] = /^kazi-run-(\d+)-/.exec(name) ?? [];
    if (pid !== undefined && !isAlive(Number(pid)))
      rmSync(path.join(FAST_FOLDER, name), { recursive: true, force: true });
  }
  const folder = mkdtempSync(path.join(FAST_FOLDER, `kazi-run-${process.pid}-`));
  // As /tmp: some tests act as other users.
  chmodSync(folder, 0o1777);
  return { folder, remove: () => rmSync(folder, { recursive: true, force: true }) };
};

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
};
