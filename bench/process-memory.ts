import { readFile, writeFile } from 'node:fs/promises';

/** Bytes, from the kernel's own account of a process. */
export const memoryOf = async (pid: number, field: 'VmRSS' | 'VmHWM'): Promise<number> => {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const kibibytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1];
  if (kibibytes === undefined) throw new Error(`found no ${field} of process ${pid}`);
  return Number(kibibytes) * 1024;
};

/** Lets VmHWM begin anew (proc(5), clear_refs). */
export const forgetPeak = async (pid: number): Promise<void> => await writeFile(`/proc/${pid}/clear_refs`, '5');
