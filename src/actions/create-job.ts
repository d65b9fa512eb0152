import { KaziError } from '../core/errors.ts';
import { newJobId } from '../core/job-id.ts';
import type { Principal } from '../core/principal.ts';
import { getKeptAnswer } from '../storage/idempotency.ts';
import { findJobByRequest } from '../storage/jobs.ts';
import type { ActionContext } from './context.ts';
import { resolveAgent } from './resolve-agent.ts';
import { resolveSession, type SessionReference } from './resolve-session.ts';

/** Work that a client hands over. */
export interface NewJob {
  readonly question: string;
  /** Null = the default agent. */
  readonly agent: string | null;
  readonly session: SessionReference;
  /** Null, or a time that has passed = now. */
  readonly scheduleAt: Date | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  /** Higher runs earlier within the tenant; 0 is usual. */
  readonly priority: number;
  readonly request: RequestIdentity;
}

/** How a request is known again when a client sends it twice (jobs API, section 8). */
export interface RequestIdentity {
  /** Of the Idempotency-Key within its tenant, user, method and path; null without a key. */
  readonly idempotencyScope: Buffer | null;
  /** SHA-256 of the query string and body bytes. */
  readonly hash: Buffer;
  /** True for an SDK's own retry without a key: the newest job of the same request within 120 s answers. */
  readonly isRetry: boolean;
  /** The body that answers for the job; kept under the key. */
  readonly toResponse: (jobId: string) => string;
}

export interface CreatedJob {
  readonly response: string;
  /** True when an earlier request had made the job. */
  readonly isReplay: boolean;
}

const KEEP_ANSWER_MS = 86_400_000;
const RETRY_WINDOW_MS = 120_000;

/**
 * Accepts a job durably. Order of checks: session scope and ownership, replay, agent. Throws their errors, and
 * DATABASE_UNAVAILABLE when it is not known whether the job was accepted.
 */
export const createJob = async (context: ActionContext, principal: Principal, job: NewJob): Promise<CreatedJob> => {
  const session = await resolveSession(context, principal, job.session);
  const replay = await findReplay(context, principal, job.request);
  if (replay) return replay;
  const agent = await resolveAgent(context.db, principal.tenantId, job.agent ?? context.defaultAgent);
  const jobId = newJobId();
  const response = job.request.toResponse(jobId);
  const scope = job.request.idempotencyScope;
  const answer = await context.intake.submit({
    id: jobId,
    tenantId: principal.tenantId,
    ...session,
    userId: principal.userId,
    enforceUser: principal.userId !== null || principal.isAnonymous,
    laneId: await context.directory.laneOf(principal, agent),
    agent: agent.name,
    agentVersion: agent.version,
    priority: job.priority,
    scheduleAt: job.scheduleAt,
    question: job.question,
    metadata: job.metadata,
    requestHash: shortHash(job.request.hash),
    idempotency: scope && { scope, requestHash: job.request.hash, response, keepMs: KEEP_ANSWER_MS },
  });
  if (answer.outcome === 'accepted') return { response, isReplay: false };
  const kept = await findReplay(context, principal, job.request);
  if (!kept) throw new KaziError('IDEMPOTENCY_IN_PROGRESS');
  return kept;
};

const findReplay = async (
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

const shortHash = (hash: Buffer): string => hash.readBigInt64BE(0).toString();
