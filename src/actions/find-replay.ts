import { KaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import { getKeptAnswer } from '../storage/idempotency.ts';
import { findJobByRequest } from '../storage/jobs.ts';
import type { ActionContext } from './context.ts';
import type { RequestIdentity } from './new-job.ts';

export interface CreatedJob {
  readonly response: string;
  /** True when an earlier request had made the job. */
  readonly isReplay: boolean;
}

const RETRY_WINDOW_MS = 120_000;

/** The job that an earlier one of the same requests has made, if there is one. Throws IDEMPOTENCY_MISMATCH. */
export const findReplay = async (
  context: ActionContext,
  principal: Principal,
  request: RequestIdentity,
): Promise<CreatedJob | undefined> => {
  if (request.idempotencyScope !== null) {
    const kept = await getKeptAnswer(context.db, request.idempotencyScope);
    if (!kept) return undefined;
    if (!kept.requestHash.equals(request.hash)) throw new KaziError('IDEMPOTENCY_MISMATCH');
    return { response: kept.response, isReplay: true };
  }
  if (!request.isRetry) return undefined;
  await context.intake.settled(shortHash(request.hash));
  const jobId = await findJobByRequest(context.db, {
    tenantId: principal.tenantId,
    userId: principal.userId,
    requestHash: shortHash(request.hash),
    maxAgeMs: RETRY_WINDOW_MS,
  });
  return jobId === undefined ? undefined : { response: request.toResponse(jobId), isReplay: true };
};

/** As jobs keep it. */
export const shortHash = (hash: Buffer): string => hash.readBigInt64BE(0).toString();
