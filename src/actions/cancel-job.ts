import { KaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import { getJobBudget, listChildJobs } from '../storage/budgets.ts';
import { wakeJob } from '../storage/held-jobs.ts';
import { cancelJob as storeCancel } from '../storage/jobs.ts';
import type { ActionContext } from './context.ts';
import { findJob, type JobReference } from './find-job.ts';
import { type JobView, readJob } from './read-job.ts';

/** Cancels a job for good, with all that it spawned; a job that has ended is left unchanged. Throws as findJob does. */
export const cancelJob = async (
  context: ActionContext,
  principal: Principal,
  reference: JobReference,
): Promise<JobView> => {
  await findJob(context, principal, reference);
  if (await cancelOne(context, reference.jobId)) await wakeParent(context, reference.jobId);
  return await readJob(context, principal, reference);
};

/** True when the job changed. Its children go with it: nobody would read what they find. */
const cancelOne = async (context: ActionContext, jobId: string): Promise<boolean> => {
  const result = await storeCancel(context.db, jobId);
  if (!result) throw new KaziError('JOB_NOT_FOUND');
  if (!result.hasChanged) return false;
  context.log.info({ job: jobId }, 'job canceled');
  if (result.nodeId !== null) context.notifications.publish('cancels', jobId);
  context.notifications.publish('events', result.sessionNum);
  for (const lane of result.lanes) context.notifications.publish('lanes', lane);
  for (const child of await listChildJobs(context.db, jobId)) await cancelOne(context, child);
  return true;
};

/** A job that waits for this one learns of its end at once. */
const wakeParent = async (context: ActionContext, jobId: string): Promise<void> => {
  const parentJobId = (await getJobBudget(context.db, jobId))?.parentJobId ?? null;
  if (parentJobId === null) return;
  for (const lane of await wakeJob(context.db, parentJobId)) context.notifications.publish('lanes', lane);
};
