import { readChildren } from './proc-files.ts';

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
