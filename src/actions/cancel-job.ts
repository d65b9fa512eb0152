import type { Principal } from '../core/principal.ts';
import { cancelRun } from './cancel-run.ts';
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
  await cancelRun(context, reference.jobId);
  return await readJob(context, principal, reference);
};
