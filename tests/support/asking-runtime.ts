import type { ApprovalDecision, ApprovalRequest } from '../../src/core/approval.ts';
import { derivedId } from '../../src/core/derived-id.ts';
import type { RunContext, RunPark } from '../../src/runtimes/runtime.ts';

/** A request of a job, and what became of it; undefined before it was asked. */
export interface Asked {
  readonly id: string;
  readonly decision: ApprovalDecision | undefined;
}

/** Parks far longer than any test waits: only a decision, or the end of a request's time, wakes it. */
export const WAITING: RunPark = { state: 'parked', reason: 'Waiting for approval', wakeAfterMs: 3_600_000 };

/** Asks for the tool `bash`, once in the life of the job, however often it is run. */
export const ask = async (
  context: RunContext,
  parts: Partial<Pick<ApprovalRequest, 'ordinal' | 'expiresMs' | 'onExpiry'>> = {},
): Promise<Asked> => {
  const { ordinal = 1, expiresMs = 3_600_000, onExpiry = 'deny' } = parts;
  const id = derivedId(context.job.id, ordinal, 'approval');
  const decision = (await context.services.approvals()).get(id);
  if (!decision) {
    const input = { command: context.job.question };
    const approval: ApprovalRequest = { id, ordinal, kind: 'tool', tool: 'bash', input, expiresMs, onExpiry };
    await context.write([{ type: 'approval.requested', data: { approval_id: id, tool: 'bash', input }, approval }]);
  }
  return { id, decision };
};
