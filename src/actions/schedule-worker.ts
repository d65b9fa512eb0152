import type { BudgetLevel } from '../core/budget.ts';
import { KaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import { DEFAULT_POLICY } from '../core/schedule/default-policy.ts';
import type { Schedule, ScheduleTerms } from '../core/schedule/schedule.ts';
import { listSchedules } from '../storage/schedules.ts';
import { changeSchedule } from './change-schedule.ts';
import type { ActionContext } from './context.ts';
import { type CreatedSchedule, createSchedule, type NewSchedule } from './create-schedule.ts';
import { findSchedule } from './find-schedule.ts';
import { findWorker } from './find-worker.ts';

/** Active schedules of one worker (workers API, section 9). */
const MOST_SCHEDULES = 100;

/** Turns of a worker at later times. */
export interface NewWorkerSchedule {
  readonly workerId: string;
  readonly input: string;
  readonly budget: BudgetLevel;
  readonly when: Pick<ScheduleTerms, 'kind' | 'runAt' | 'cron' | 'timezone' | 'periodSeconds'>;
  readonly request: NewSchedule['request'];
  /** Counts the request against its rate limit. */
  readonly countRequest: () => Promise<void>;
}

/** Makes a schedule of a worker. Throws as findWorker and createSchedule do, and WORKER_SCHEDULE_LIMIT. */
export const scheduleWorker = async (
  context: ActionContext,
  principal: Principal,
  wanted: NewWorkerSchedule,
): Promise<CreatedSchedule> => {
  const { session } = await findWorker(context, principal, wanted.workerId);
  if ((await listActive(context, session)).length >= MOST_SCHEDULES) {
    throw new KaziError('WORKER_SCHEDULE_LIMIT', { limit: MOST_SCHEDULES });
  }
  await wanted.countRequest();
  return await createSchedule(context, principal, {
    terms: {
      name: wanted.input.slice(0, 80),
      question: wanted.input,
      agent: null,
      ...wanted.when,
      enabled: true,
      metadata: null,
      budget: wanted.budget,
      policy: DEFAULT_POLICY,
    },
    webhook: null,
    session: { sessionId: wanted.workerId, sessionKey: null },
    sessionMode: 'same',
    request: wanted.request,
  });
};

/** The schedules of a worker that will fire again, oldest first. Throws as findWorker does. */
export const listWorkerSchedules = async (
  context: ActionContext,
  principal: Principal,
  workerId: string,
): Promise<readonly Schedule[]> => {
  const { session } = await findWorker(context, principal, workerId);
  return (await listActive(context, session)).toReversed();
};

/** Stops a schedule; what it has made goes on. False when it had fired or been stopped. Throws as findWorker does, then SCHEDULE_NOT_FOUND. */
export const stopWorkerSchedule = async (
  context: ActionContext,
  principal: Principal,
  reference: { readonly workerId: string; readonly toScheduleId: () => string },
): Promise<boolean> => {
  const { session } = await findWorker(context, principal, reference.workerId);
  const schedule = await findSchedule(context.db, principal, reference.toScheduleId());
  if (schedule.sessionId !== session.id) throw new KaziError('SCHEDULE_NOT_FOUND');
  if (!schedule.enabled) return false;
  await changeSchedule(context, principal, { id: schedule.id, change: { enabled: false } });
  return true;
};

const listActive = async (
  { db }: ActionContext,
  { tenantId, id: sessionId }: { readonly tenantId: string; readonly id: string },
): Promise<readonly Schedule[]> =>
  await listSchedules(db, { tenantId, userId: undefined, sessionId, enabled: true, kind: null });
