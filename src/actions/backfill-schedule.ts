import { KaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import { runIdOf } from '../core/schedule/ids.ts';
import { openRule } from '../core/schedule/next-due.ts';
import { duesBetween } from '../core/schedule/preview.ts';
import { ruleOf } from '../core/schedule/terms.ts';
import { readClock } from '../storage/clock.ts';
import { addRuns } from '../storage/schedule-runs.ts';
import type { ActionContext } from './context.ts';
import { findSchedule } from './find-schedule.ts';

/** Due times that one backfill may bring. */
const MOST = 500;

export interface Backfill {
  /** Due times of the range. */
  readonly due: number;
  /** Those that get a job now; the others had theirs. */
  readonly added: number;
}

/**
 * Gives the due times of a past range their jobs, oldest first, except those that have one. The schedule's own due times stay
 * as they are. Throws as findSchedule does, and INVALID_REQUEST for a range that is not past, or brings too many.
 */
export const backfillSchedule = async (
  context: ActionContext,
  principal: Principal,
  { id, from, to }: { readonly id: string; readonly from: Date; readonly to: Date },
): Promise<Backfill> => {
  const schedule = await findSchedule(context.db, principal, id);
  if (from.getTime() > to.getTime() || to.getTime() > (await readClock(context.db)).getTime()) {
    throw new KaziError('INVALID_REQUEST', {
      message: `Invalid range: found ${from.toISOString()} to ${to.toISOString()}, expected a start before an end that has passed.`,
    });
  }
  const range = { fromMs: from.getTime(), toMs: to.getTime() };
  const dues = duesBetween(openRule(ruleOf(schedule)), range, MOST);
  if (dues.length > MOST) {
    throw new KaziError('INVALID_REQUEST', {
      message: `Invalid range: found more than ${MOST} due times, expected at most ${MOST}. Backfill a part at a time.`,
    });
  }
  const runs = dues.map((dueMs) => ({
    id: runIdOf(schedule, dueMs),
    scheduleId: id,
    dueAt: new Date(dueMs),
    generation: schedule.generation,
    trigger: 'backfill' as const,
    outcome: 'pending' as const,
    reason: null,
    replaces: null,
  }));
  // Nobody has them yet: any node takes them over at once.
  const added = await addRuns(context.db, runs, 0);
  context.notifications.publish('schedules', 0);
  return { due: dues.length, added: added.size };
};
