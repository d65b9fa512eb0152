import { createHash } from 'node:crypto';
import type { BudgetLevel } from '../core/budget.ts';
import { derivedId } from '../core/derived-id.ts';
import type { ClaimedJob } from '../core/job.ts';
import type { Principal } from '../core/principal.ts';
import { getJobBudget, listChildJobs } from '../storage/budgets.ts';
import { getJob } from '../storage/jobs.ts';
import type { ActionContext } from './context.ts';
import { createJob } from './create-job.ts';
import type { JobOrigin, NewJob } from './new-job.ts';

/** How deep jobs may spawn jobs, and how many one may spawn: enough for honest work, and an end for a runaway one. */
const MAX_DEPTH = 3;
const MAX_CHILDREN = 20;

/** Work that a running job hands in. */
interface Work {
  /** Its step: the same step hands in the same job, however often it is run. */
  readonly ordinal: number;
  readonly input: string;
}

/** Hands in work for the job's own session, at a time; gives the new job's id. Throws as createJob does. */
export const scheduleOwnWork = async (
  context: ActionContext,
  job: ClaimedJob,
  work: Work & { readonly at: Date },
): Promise<string> => {
  const jobId = derivedId(job.id, work.ordinal, 'schedule');
  if (await getJob(context.db, jobId)) return jobId;
  const apiKeyId = (await getJobBudget(context.db, job.id))?.apiKeyId ?? null;
  await createJob(context, ownerOf(job), {
    ...toNewJob(work, { jobId, parentJobId: null, apiKeyId }),
    agent: job.agent,
    session: { sessionId: job.sessionId, sessionKey: null },
    scheduleAt: work.at,
  });
  return jobId;
};

/** Hands in a job of its own session whose cost counts to this one; a refusal in words when there are too many. Throws as createJob does. */
export const spawnJob = async (
  context: ActionContext,
  job: ClaimedJob,
  work: Work & { readonly agent: string | null; readonly budget: BudgetLevel | null },
): Promise<{ readonly jobId: string } | { readonly refusal: string }> => {
  const jobId = derivedId(job.id, work.ordinal, 'spawn');
  if (await getJob(context.db, jobId)) return { jobId };
  const budget = await getJobBudget(context.db, job.id);
  if ((budget?.depth ?? 0) >= MAX_DEPTH) {
    return {
      refusal: `Jobs may be spawned ${MAX_DEPTH} levels deep, and this one is at the last. Do the work yourself.`,
    };
  }
  const children = await listChildJobs(context.db, job.id);
  if (children.length >= MAX_CHILDREN && !children.includes(jobId)) {
    return { refusal: `A job may spawn ${MAX_CHILDREN} jobs, and this one has. Do the rest yourself.` };
  }
  await createJob(context, ownerOf(job), {
    ...toNewJob(work, { jobId, parentJobId: job.id, apiKeyId: budget?.apiKeyId ?? null }),
    agent: work.agent,
    // A session of its own: the parent's is busy with the parent.
    session: { sessionId: derivedId(jobId, 'session'), sessionKey: null },
    ...(work.budget === null ? {} : { budget: work.budget }),
  });
  return { jobId };
};

/** A job acts for whoever handed it in. */
const ownerOf = (job: ClaimedJob): Principal => ({
  kind: 'session_token',
  tenantId: job.tenantId,
  userId: job.userId,
  sessionIds: null,
  scopes: ['user'],
  isAnonymous: job.userId === null,
  hasTenantClaim: true,
  credentialId: `job:${job.id}`,
});

const toNewJob = (work: Work, origin: JobOrigin): NewJob => ({
  question: work.input,
  agent: null,
  session: { sessionId: null, sessionKey: null },
  scheduleAt: null,
  metadata: null,
  priority: 0,
  origin,
  request: {
    idempotencyScope: null,
    hash: createHash('sha256').update(origin.jobId).digest(),
    isRetry: false,
    toResponse: (jobId) => jobId,
  },
});
