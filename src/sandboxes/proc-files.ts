import { readdirSync, readFileSync } from 'node:fs';

/** Fields of /proc/PID/stat from the state on: what comes before may hold spaces of the program's name. */
export const readStatFields = (pid: number): readonly string[] | null => {
  const text = readProc(`/proc/${pid}/stat`);
  return text === null ? null : text.slice(text.lastIndexOf(')') + 2).split(' ');
};

/** Text of a file in /proc; null when the process is gone, or not ours to look at. */
export const readProc = (path: string): string | null => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Gone, or not ours to read.
    return null;
  }
};

/** Direct children of a process; null when it is gone. */
export const readChildren = (pid: number): readonly number[] | null => {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap((thread) =>
      (readProc(`/proc/${pid}/task/${thread}/children`) ?? '').split(' ').filter(Boolean).map(Number),
    );
  } catch {
    // The process ended while we looked.
    return null;
  }
};
