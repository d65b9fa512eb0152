import { KaziError } from '../core/errors.ts';
import { listArtifacts } from '../storage/artifacts.ts';
import { getJob } from '../storage/jobs.ts';
import { listJobMessages } from '../storage/messages.ts';
import type { ActionContext } from './context.ts';
import type { JobView } from './read-job.ts';

/** The job of a webhook delivery with its results: for kazi itself, which asks for nobody. Throws JOB_NOT_FOUND. */
export const readEndedJob = async (
  context: ActionContext,
  { jobId }: { readonly jobId: string | null },
): Promise<JobView> => {
  const job = jobId === null ? undefined : await getJob(context.db, jobId);
  if (!job) throw new KaziError('JOB_NOT_FOUND');
  const [messages, artifacts] = await Promise.all([
    listJobMessages(context.db, job.id),
    listArtifacts(context.db, job.id),
  ]);
  return { job, messages, artifacts };
};
