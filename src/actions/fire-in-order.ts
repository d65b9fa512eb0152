import { isDatabaseUnavailable } from '../storage/database.ts';
import type { PendingRun, RunEnd } from '../storage/schedule-runs.ts';
import type { ActionContext } from './context.ts';
import { fireRun } from './fire-run.ts';

/**
 * Makes the jobs of runs: schedules side by side, the due times of one in their order. Gives what became of them, in any
 * order. A run of which it is not known is left out and stays pending, and so does what is not begun well before its lease
 * is over: another node may have it then. Never throws.
 */
export const fireInOrder = async (
  context: ActionContext,
  runs: readonly PendingRun[],
  leaseMs: number,
): Promise<readonly RunEnd[]> => {
  const stopAt = performance.now() + leaseMs / 2;
  const bySchedule = Map.groupBy(runs, (run) => run.schedule.id);
  const ends = await Promise.all([...bySchedule.values()].map(async (own) => await fireOne(context, own, stopAt)));
  return ends.flat();
};

const fireOne = async (
  context: ActionContext,
  runs: readonly PendingRun[],
  stopAt: number,
): Promise<readonly RunEnd[]> => {
  const ends: RunEnd[] = [];
  for (const run of runs) {
    if (performance.now() > stopAt) break;
    try {
      ends.push((await fireRun(context, run)).end);
    } catch (error) {
      // It is taken over once its lease has passed.
      if (!isDatabaseUnavailable(error)) context.log.error({ err: error, run: run.id }, 'a run was left pending');
      break;
    }
  }
  return ends;
};
