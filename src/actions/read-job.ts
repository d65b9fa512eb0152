import type { ArtifactEntry } from '../core/artifact.ts';
import type { Job } from '../core/job.ts';
import { hasEnded } from '../core/job-end.ts';
import type { Principal } from '../core/principal.ts';
import { listArtifacts } from '../storage/artifacts.ts';
import { getJob } from '../storage/jobs.ts';
import { listJobMessages, type Message } from '../storage/messages.ts';
import type { ActionContext } from './context.ts';
import { findJob, type JobReference } from './find-job.ts';

/** A job with what it said and made; both null until it has really ended. */
export interface JobView {
  readonly job: Job;
  readonly messages: readonly Message[] | null;
  readonly artifacts: readonly ArtifactEntry[] | null;
}

/** The job with its results. Throws as findJob does. */
export const readJob = async (
  context: ActionContext,
  principal: Principal,
  reference: JobReference,
): Promise<JobView> => await viewJob(context, await findJob(context, principal, reference));

/** The job with its results, for a caller that looks itself at who may read it: an event goes to many. */
export const loadJob = async (context: ActionContext, jobId: string): Promise<JobView | undefined> => {
  const job = await getJob(context.db, jobId);
  return job && (await viewJob(context, job));
};

const viewJob = async (context: ActionContext, job: Job): Promise<JobView> => {
  if (!hasEnded(job)) return { job, messages: null, artifacts: null };
  const [messages, artifacts] = await Promise.all([
    listJobMessages(context.db, job.id),
    listArtifacts(context.db, job.id),
  ]);
  return { job, messages, artifacts };
};
