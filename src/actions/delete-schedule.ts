import { KaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import { deleteSchedule as removeSchedule } from '../storage/schedules.ts';
import type { ActionContext } from './context.ts';
import { findSchedule } from './find-schedule.ts';

/** Removes a schedule with the log of its runs; the jobs that it made go on. Throws as findSchedule does. */
export const deleteSchedule = async (context: ActionContext, principal: Principal, id: string): Promise<void> => {
  await findSchedule(context.db, principal, id);
  if (!(await removeSchedule(context.db, principal.tenantId, id))) throw new KaziError('SCHEDULE_NOT_FOUND');
};
