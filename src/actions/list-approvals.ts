import type { Approval, ApprovalState } from '../core/approval.ts';
import type { Principal } from '../core/principal.ts';
import { type ApprovalFilter, listApprovals, listSessionApprovals } from '../storage/approvals.ts';
import { getJob } from '../storage/jobs.ts';
import type { ActionContext } from './context.ts';
import { readableUser } from './list-jobs.ts';

export interface ApprovalListRequest {
  readonly sessionId: string | null;
  readonly jobId: string | null;
  /** Null = any. */
  readonly states: readonly ApprovalState[] | null;
  readonly before: ApprovalFilter['before'];
  readonly limit: number;
}

/** What jobs that the principal may read have asked, newest first; what it may not read is left out. */
export const listReadableApprovals = async (
  context: ActionContext,
  principal: Principal,
  request: ApprovalListRequest,
): Promise<Approval[]> => {
  const { sessionId, jobId, states, before, limit } = request;
  const filter: ApprovalFilter = {
    tenantId: principal.tenantId,
    userId: readableUser(principal),
    sessionIds: principal.sessionIds,
    states,
    before,
    limit,
  };
  if (sessionId !== null) return await listSessionApprovals(context.db, { sessionId, jobId }, filter);
  if (jobId === null) return await listApprovals(context.db, filter);
  const job = await getJob(context.db, jobId);
  return job ? await listSessionApprovals(context.db, { sessionId: job.sessionId, jobId }, filter) : [];
};
