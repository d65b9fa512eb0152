import type { Approval } from '../core/approval.ts';
import { KaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import { decideApproval as storeDecision } from '../storage/approvals.ts';
import type { ActionContext } from './context.ts';
import { type ApprovalReference, readApproval } from './read-approval.ts';

/** What somebody says to a request. */
export interface Decision {
  readonly state: 'allowed' | 'denied';
  /** Given to the job beside the decision. */
  readonly message: string | null;
}

/**
 * Decides what a job asked, and lets the job go on at once. The same decision again changes nothing, nor does its message.
 * Throws as readApproval does, and APPROVAL_DECIDED, APPROVAL_EXPIRED or APPROVAL_CANCELED for a request that is closed.
 */
export const decideApproval = async (
  context: ActionContext,
  principal: Principal,
  reference: ApprovalReference,
  decision: Decision,
): Promise<Approval> => {
  await readApproval(context, principal, reference);
  const decidedBy = principal.userId ?? principal.credentialId;
  const result = await storeDecision(context.db, { id: reference.id, ...decision, decidedBy });
  if (!result) throw new KaziError('APPROVAL_NOT_FOUND');
  const approval = await readApproval(context, principal, reference);
  if (!result.hasChanged) {
    if (approval.state !== decision.state) throw refusal(approval);
    return approval;
  }
  context.log.info({ approval: approval.id, job: approval.jobId, state: approval.state }, 'approval decided');
  context.notifications.publish('events', result.sessionNum);
  for (const lane of result.lanes) context.notifications.publish('lanes', lane);
  return approval;
};

const refusal = (approval: Approval): KaziError => {
  const at = (approval.decidedAt ?? approval.expiresAt).toISOString();
  if (approval.state === 'expired') return new KaziError('APPROVAL_EXPIRED', { at, fallback: approval.onExpiry });
  if (approval.state === 'canceled') return new KaziError('APPROVAL_CANCELED', { at });
  return new KaziError('APPROVAL_DECIDED', { state: approval.state, by: approval.decidedBy, at });
};
