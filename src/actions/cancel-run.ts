import { KaziError } from '../core/errors.ts';
import { getJobBudget, listChildJobs } from '../storage/budgets.ts';
import { wakeJob } from '../storage/held-jobs.ts';
import { type CancelResult, cancelJob as storeCancel } from '../storage/jobs.ts';
import type { ActionContext } from './context.ts';

/** Cancels a job for good, whoever asks: the caller has checked that. False when it had ended already; throws JOB_NOT_FOUND. */
export const cancelRun = async (
  context: ActionContext,
  jobId: string,
  reason: 'stopped' | null = null,
): Promise<boolean> => {
  const result = await storeCancel(context.db, jobId, reason);
  if (!result) throw new KaziError('JOB_NOT_FOUND');
  if (!result.hasChanged) return false;
  await followCancel(context, jobId, result);
  return true;
};

/** What has to happen after a job was canceled: everybody learns of it, its children go too, and who waits for it goes on. */
export const followCancel = async (
  context: ActionContext,
  jobId: string,
  result: Pick<CancelResult, 'sessionNum' | 'lanes'>,
): Promise<void> => {
  await cancelWithChildren(context, jobId, result);
  const parentJobId = (await getJobBudget(context.db, jobId))?.parentJobId ?? null;
  if (parentJobId === null) return;
  for (const lane of await wakeJob(context.db, parentJobId)) context.notifications.publish('lanes', lane);
};

/** Nobody would read what the children find. */
const cancelWithChildren = async (
  context: ActionContext,
  jobId: string,
  { sessionNum, lanes }: Pick<CancelResult, 'sessionNum' | 'lanes'>,
): Promise<void> => {
  const { db, log, notifications } = context;
  log.info({ job: jobId }, 'job canceled');
  notifications.publish('cancels', jobId);
  notifications.publish('events', sessionNum);
  for (const lane of lanes) notifications.publish('lanes', lane);
  // One that no node held has really ended with this.
  notifications.publish('deliveries', jobId);
  for (const child of await listChildJobs(db, jobId)) {
    const result = await storeCancel(db, child);
    if (result?.hasChanged) await cancelWithChildren(context, child, result);
  }
};
