import type { Approval } from '../core/approval.ts';
import { KaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import { getApproval } from '../storage/approvals.ts';
import type { ActionContext } from './context.ts';
import { findJob } from './find-job.ts';

/** Which request is meant, and as part of which session, if one was named. */
export interface ApprovalReference {
  readonly id: string;
  readonly namedSessionId: string | null;
}

/** What a job asked, for whoever may read the job. Throws APPROVAL_NOT_FOUND, then as findJob does. */
export const readApproval = async (
  context: ActionContext,
  principal: Principal,
  reference: ApprovalReference,
): Promise<Approval> => {
  const approval = await getApproval(context.db, reference.id);
  if (!approval) throw new KaziError('APPROVAL_NOT_FOUND');
  await findJob(context, principal, { jobId: approval.jobId, namedSessionId: reference.namedSessionId });
  return approval;
};
