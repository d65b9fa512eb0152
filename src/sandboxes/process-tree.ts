import { readdirSync, readFileSync } from 'node:fs';

/** What a group of processes uses together. */
export interface ProcessUsage {
  readonly cpuSeconds: number;
  readonly memoryBytes: number;
}

/** Fixed at 100 for user space on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;
const STAT_CPU_FIELDS = [11, 12, 13, 14] as const;
const STAT_START_FIELD = 19;

/** A process and all below it, the process first. Processes of a pid namespace cannot leave their init's tree. Empty where /proc is missing. */
export const readProcessTree = (rootPid: number): readonly number[] => {
  const pids: number[] = [];
  const pending = [rootPid];
  for (let pid = pending.pop(); pid !== undefined; pid = pending.pop()) {
    const children = readChildren(pid);
    if (children === null) continue;
    pids.push(pid);
    pending.push(...children);
  }
  return pids;
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

/** True for a process that can still run code: a zombie cannot. */
export const isRunning = (pid: number): boolean => {
  const state = readStatFields(pid)?.[0];
  return state !== undefined && state !== 'Z' && state !== 'X';
};

/** When a process started, in the kernel's own ticks: with the pid it names one process for good. Null when it is gone. */
export const readStartTime = (pid: number): string | null => readStatFields(pid)?.[STAT_START_FIELD] ?? null;

/** Sums processor time (of reaped children too) and memory. Memory shared by several processes is split among them when the plain sum passes `closeLookBytes`. */
export const readUsage = (pids: readonly number[], closeLookBytes: number): ProcessUsage => {
  let ticks = 0;
  let memoryBytes = 0;
  for (const pid of pids) {
    const fields = readStatFields(pid);
    if (fields === null) continue;
    for (const index of STAT_CPU_FIELDS) ticks += Number(fields[index] ?? 0);
    memoryBytes += sumKilobytes(`/proc/${pid}/status`, /^Rss(?:Anon|Shmem):\s+(\d+) kB$/gm) ?? 0;
  }
  if (memoryBytes > closeLookBytes) memoryBytes = readProportionalMemory(pids) ?? memoryBytes;
  return { cpuSeconds: ticks / TICKS_PER_SECOND, memoryBytes };
};

/** Slower by far (the kernel walks page tables), so only asked when it decides something. */
const readProportionalMemory = (pids: readonly number[]): number | null => {
  let total = 0;
  for (const pid of pids) {
    const bytes = sumKilobytes(`/proc/${pid}/smaps_rollup`, /^Pss_(?:Anon|Shmem):\s+(\d+) kB$/gm);
    if (bytes === null && isRunning(pid)) return null;
    total += bytes ?? 0;
  }
  return total;
};

const sumKilobytes = (path: string, pattern: RegExp): number | null => {
  const text = readProc(path);
  if (text === null) return null;
  let kilobytes = 0;
  for (const match of text.matchAll(pattern)) kilobytes += Number(match[1]);
  return kilobytes * 1024;
};

/** Fields of /proc/PID/stat from the state on: what comes before may hold spaces of the program's name. */
const readStatFields = (pid: number): readonly string[] | null => {
  const text = readProc(`/proc/${pid}/stat`);
  return text === null ? null : text.slice(text.lastIndexOf(')') + 2).split(' ');
};

const readProc = (path: string): string | null => {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    // Gone, or not ours to read.
    return null;
  }
};
