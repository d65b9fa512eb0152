import type { Job, JobState } from '../core/job.ts';
import type { Principal } from '../core/principal.ts';
import { type JobFilter, listJobs, listSessionJobs } from '../storage/jobs.ts';
import type { ActionContext } from './context.ts';

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
export const readableUser = (principal: Principal): string | null | undefined => {
  if (principal.userId !== null) return principal.userId;
  return principal.isAnonymous ? null : undefined;
};
