import type { ArtifactEntry } from '../core/artifact.ts';
import { KaziError } from '../core/errors.ts';
import type { Job, JobState } from '../core/job.ts';
import { hasEnded } from '../core/job-end.ts';
import { checkOwnership } from '../core/ownership.ts';
import type { Principal } from '../core/principal.ts';
import { getArtifact, listArtifacts } from '../storage/artifacts.ts';
import { getJob, type JobFilter, listJobs, listSessionJobs } from '../storage/jobs.ts';
import { listJobMessages, type Message } from '../storage/messages.ts';
import type { ActionContext, LiveFile } from './context.ts';

/** A job with what it said and made; both null until it has really ended. */
export interface JobView {
  readonly job: Job;
  readonly messages: readonly Message[] | null;
  readonly artifacts: readonly ArtifactEntry[] | null;
}

/** Which job a request means, and as part of which session, if it named one. */
export interface JobReference {
  readonly jobId: string;
  readonly namedSessionId: string | null;
}

/** The job, if the principal may read it. Throws JOB_NOT_FOUND, then the ownership errors. */
export const findJob = async (context: ActionContext, principal: Principal, reference: JobReference): Promise<Job> => {
  const job = await getJob(context.db, reference.jobId);
  if (!job) throw new KaziError('JOB_NOT_FOUND');
  checkOwnership({ principal, kind: 'Job', record: job, namedSessionId: reference.namedSessionId });
  return job;
};

/** The job with its results. Throws as findJob does. */
export const readJob = async (
  context: ActionContext,
  principal: Principal,
  reference: JobReference,
): Promise<JobView> => await viewJob(context, await findJob(context, principal, reference));

/** Adds the results to a job that the caller has been allowed to read. */
export const viewJob = async (context: ActionContext, job: Job): Promise<JobView> => {
  if (!hasEnded(job)) return { job, messages: null, artifacts: null };
  const [messages, artifacts] = await Promise.all([
    listJobMessages(context.db, job.id),
    listArtifacts(context.db, job.id),
  ]);
  return { job, messages, artifacts };
};

/** The files of a job: its manifest, or what is in its workspace so far. Throws as findJob does. */
export const listJobFiles = async (
  context: ActionContext,
  principal: Principal,
  reference: JobReference,
): Promise<{ readonly frozen: readonly ArtifactEntry[] } | { readonly live: readonly LiveFile[] }> => {
  const job = await findJob(context, principal, reference);
  if (hasEnded(job)) return { frozen: await listArtifacts(context.db, job.id) };
  return { live: await context.listLiveFiles(job) };
};

/** One artifact. Throws as findJob does, then ARTIFACT_NOT_FOUND; `toPath` decodes the path after ownership is clear. */
export const readArtifact = async (
  context: ActionContext,
  principal: Principal,
  artifact: JobReference & { readonly toPath: () => string },
): Promise<ArtifactEntry> => {
  const job = await findJob(context, principal, artifact);
  const entry = await getArtifact(context.db, job.id, artifact.toPath());
  if (!entry) throw new KaziError('ARTIFACT_NOT_FOUND');
  return entry;
};

export interface JobListRequest {
  readonly sessionId: string | null;
  readonly states: readonly JobState[] | null;
  readonly agent: string | null;
  readonly beforeNum: number | null;
  readonly limit: number;
}

/** Jobs that the principal may read, newest first; what it may not read is left out. */
export const listReadableJobs = async (
  context: ActionContext,
  principal: Principal,
  request: JobListRequest,
): Promise<Job[]> => {
  const filter: JobFilter = {
    tenantId: principal.tenantId,
    userId: readableUser(principal),
    sessionIds: principal.sessionIds,
    states: request.states,
    agent: request.agent,
    beforeNum: request.beforeNum,
    limit: request.limit,
  };
  if (request.sessionId === null) return await listJobs(context.db, filter);
  const session = await context.directory.findSession(principal.tenantId, request.sessionId);
  return session ? await listSessionJobs(context.db, session.num, filter) : [];
};

/** undefined = of any user; null = only of nobody. The same rule as core/ownership.ts, as a filter. */
const readableUser = (principal: Principal): string | null | undefined => {
  if (principal.userId !== null) return principal.userId;
  return principal.isAnonymous ? null : undefined;
};
