import { KaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import { cancelJob as storeCancel } from '../storage/jobs.ts';
import type { ActionContext } from './context.ts';
import { findJob, type JobReference } from './find-job.ts';
import { type JobView, readJob } from './read-job.ts';

/** Cancels a job for good; a job that has ended is left unchanged. Throws as findJob does. */
export const cancelJob = async (
  context: ActionContext,
  principal: Principal,
  reference: JobReference,
): Promise<JobView> => {
  await findJob(context, principal, reference);
  const result = await storeCancel(context.db, reference.jobId);
  if (!result) throw new KaziError('JOB_NOT_FOUND');
  if (result.hasChanged) {
    context.log.info({ job: reference.jobId }, 'job canceled');
    if (result.nodeId !== null) context.notifications.publish('cancels', reference.jobId);
    context.notifications.publish('events', result.sessionNum);
    for (const lane of result.lanes) context.notifications.publish('lanes', lane);
  }
  return await readJob(context, principal, reference);
};
