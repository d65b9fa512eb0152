import { readProc, readStatFields } from './proc-files.ts';
import { isRunning } from './process-life.ts';

/** What a group of processes uses together. */
export interface ProcessUsage {
  readonly cpuSeconds: number;
  readonly memoryBytes: number;
}

/** Fixed at 100 for user space on every architecture that Node runs on. */
const TICKS_PER_SECOND = 100;
const STAT_CPU_FIELDS = [11, 12, 13, 14] as const;

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
