import { KaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import { listSchedules } from '../storage/schedules.ts';
import type { SessionIdentity } from '../storage/sessions.ts';
import { listUnfinishedJobs } from '../storage/worker-log.ts';
import { deleteWorker as storeDeletion } from '../storage/workers.ts';
import { cancelRun } from './cancel-run.ts';
import { changeSchedule } from './change-schedule.ts';
import type { ActionContext } from './context.ts';
import { findWorker } from './find-worker.ts';
import { setWorkerWebhook } from './set-worker-webhook.ts';

/** Deletes a worker: nobody reaches it any more, and what it does or would do is canceled. Its jobs stay. Throws as findWorker does. */
export const deleteWorker = async (context: ActionContext, principal: Principal, id: string): Promise<void> => {
  const { worker, session } = await findWorker(context, principal, id);
  await setWorkerWebhook(context, principal, { workerId: id, url: null });
  if (!(await storeDeletion(context.db, worker))) throw new KaziError('WORKER_NOT_FOUND');
  await stopSchedules(context, principal, session);
  // Those that wait first: none of them begins because the one before it has gone.
  const jobs = await listUnfinishedJobs(context.db, session.num);
  for (const jobId of jobs.toReversed()) await cancelRun(context, jobId);
  context.log.info({ worker: id, turns: jobs.length }, 'worker deleted');
};

const stopSchedules = async (
  context: ActionContext,
  principal: Principal,
  { tenantId, id: sessionId }: SessionIdentity,
): Promise<void> => {
  const filter = { tenantId, userId: undefined, sessionId, enabled: true, kind: null };
  for (const { id, userId, isAnonymous } of await listSchedules(context.db, filter)) {
    // Whoever may delete the worker may stop what others of the tenant planned for it.
    await changeSchedule(context, { ...principal, userId, isAnonymous }, { id, change: { enabled: false } });
  }
};
