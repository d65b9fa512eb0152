import type { Job } from '../core/job.ts';
import { hasEnded } from '../core/job-end.ts';
import type { Database } from '../storage/database.ts';
import { eventBounds } from '../storage/events.ts';
import { getJob } from '../storage/jobs.ts';
import type { EventHub } from './event-hub.ts';
import { followJob } from './job-stream.ts';

/** Resolves once the job writes no more: true; false at the abort of the signal, or when there is no such job. */
export const jobEnded = async (
  hub: EventHub,
  db: Database,
  wait: { readonly jobId: string; readonly signal: AbortSignal },
): Promise<boolean> => {
  const seen = await getJob(db, wait.jobId);
  if (!seen) return false;
  if (hasEnded(seen)) return true;
  // In this order: an end that comes after the look is behind the newest seq of before. What was written till then is not read.
  const newest = (await eventBounds(db, seen.sessionNum))?.newest ?? 0;
  const job = await getJob(db, wait.jobId);
  if (!job || hasEnded(job)) return job !== undefined;
  const batches = await followJob(hub, db, { job, afterSeq: newest, signal: wait.signal });
  for await (const _batch of batches) {
    if (wait.signal.aborted) return false;
  }
  return !wait.signal.aborted;
};

/**
 * The job whose run answers for an input, once it has ended: its own, or the one that took the input at one of its steps.
 * Undefined at the abort of the signal, or when there is no such job.
 */
export const runThatAnswers = async (
  hub: EventHub,
  db: Database,
  wait: { readonly jobId: string; readonly signal: AbortSignal },
): Promise<Job | undefined> => {
  if (!(await jobEnded(hub, db, wait))) return undefined;
  const job = await getJob(db, wait.jobId);
  const jobId = job?.outcome?.steeredJobId;
  return jobId === undefined ? job : await runThatAnswers(hub, db, { jobId, signal: wait.signal });
};
