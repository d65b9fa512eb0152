import type { Principal } from '../core/principal.ts';
import { openRule } from '../core/schedule/next-due.ts';
import { previewDues } from '../core/schedule/preview.ts';
import type { ScheduleRun } from '../core/schedule/schedule.ts';
import { ruleOf } from '../core/schedule/terms.ts';
import { listScheduleRuns } from '../storage/schedule-runs.ts';
import type { ActionContext } from './context.ts';
import { findSchedule } from './find-schedule.ts';

/** The next due times of a schedule, without their jitter; none while it is paused or has ended. Throws as findSchedule does. */
export const previewSchedule = async (
  context: ActionContext,
  principal: Principal,
  { id, count }: { readonly id: string; readonly count: number },
): Promise<readonly Date[]> => {
  const schedule = await findSchedule(context.db, principal, id);
  if (schedule.nextDueAt === null) return [];
  const times = openRule(ruleOf(schedule));
  const dues = previewDues({ ...schedule, times, nextDueMs: schedule.nextDueAt.getTime() }, count);
  return dues.map((dueMs) => new Date(dueMs));
};

/** The log of a schedule's runs, newest due time first. Throws as findSchedule does. */
export const readScheduleRuns = async (
  context: ActionContext,
  principal: Principal,
  { id, ...page }: { readonly id: string } & Parameters<typeof listScheduleRuns>[2],
): Promise<ScheduleRun[]> => {
  const schedule = await findSchedule(context.db, principal, id);
  return await listScheduleRuns(context.db, schedule.id, page);
};
