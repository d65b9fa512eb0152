import { readStatFields } from './proc-files.ts';

const STAT_START_FIELD = 19;

/** True for a process that can still run code: a zombie cannot. */
export const isRunning = (pid: number): boolean => {
  const state = readStatFields(pid)?.[0];
  return state !== undefined && state !== 'Z' && state !== 'X';
};

/** When a process started, in the kernel's own ticks: with the pid it names one process for good. Null when it is gone. */
export const readStartTime = (pid: number): string | null => readStatFields(pid)?.[STAT_START_FIELD] ?? null;
