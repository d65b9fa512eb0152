import { isKaziError, KaziError } from '../core/errors.ts';
import { newJobId } from '../core/job-id.ts';
import type { Principal } from '../core/principal.ts';
import { closeBudgets } from '../storage/budgets.ts';
import { getKeptAnswer } from '../storage/idempotency.ts';
import { findJobByRequest } from '../storage/jobs.ts';
import { hasRunner } from '../storage/nodes.ts';
import { isSessionBusy } from '../storage/sessions.ts';
import type { JobSubmission } from '../storage/submissions.ts';
import { admitJob } from './admit-job.ts';
import type { ActionContext } from './context.ts';
import type { NewJob, RequestIdentity } from './new-job.ts';
import { placeJob } from './place-job.ts';
import { resolveAgent } from './resolve-agent.ts';
import { type ResolvedSession, resolveSession } from './resolve-session.ts';

export interface CreatedJob {
  readonly response: string;
  /** True when an earlier request had made the job. */
  readonly isReplay: boolean;
}

/** What was taken in; nothing when an earlier request had done so. */
interface Taken {
  readonly response: string | null;
  /** True when the job that was admitted is in its session's queue. */
  readonly isQueued: boolean;
}

const KEEP_ANSWER_MS = 86_400_000;
const RETRY_WINDOW_MS = 120_000;

/**
 * Accepts a job durably. Order of checks: session scope and ownership, replay, agent, rate limit, budgets. Throws their errors,
 * SESSION_BUSY where it may not wait, QUEUE_FULL for a prompt, NO_RUNNER, and DATABASE_UNAVAILABLE when it is not known
 * whether the job was accepted.
 */
export const createJob = async (context: ActionContext, principal: Principal, job: NewJob): Promise<CreatedJob> => {
  const session = await resolveSession(context, principal, job.session);
  const replay = await findReplay(context, principal, job.request);
  if (replay) return replay;
  const agent = await resolveAgent(context.db, principal.tenantId, job.agent ?? context.defaultAgent);
  await job.countRequest?.();
  const jobId = job.origin?.jobId ?? newJobId();
  const response = job.request.toResponse(jobId);
  const scope = job.request.idempotencyScope;
  const laneId = await context.directory.laneOf(principal, agent);
  const isAdmitted = await admitJob(context, principal, { jobId, sessionId: session.sessionId, agent, job });
  const submission: JobSubmission = {
    id: jobId,
    tenantId: principal.tenantId,
    ...session,
    userId: principal.userId,
    enforceUser: principal.userId !== null || principal.isAnonymous,
    laneId,
    agent: agent.name,
    agentVersion: agent.version,
    priority: job.priority,
    scheduleAt: job.scheduleAt,
    question: job.question,
    metadata: job.metadata,
    requestHash: shortHash(job.request.hash),
    idempotency: scope && { scope, requestHash: job.request.hash, response, keepMs: KEEP_ANSWER_MS },
    onlyIfIdle: job.ifBusy === 'reject',
    ...(job.maxAttempts === undefined ? {} : { maxAttempts: job.maxAttempts }),
    ...(job.webhook ? { webhook: job.webhook } : {}),
    ...(job.prompt ? { expiresMs: job.prompt.keepMs } : {}),
  };
  const taken = await takeIn(context, principal, { session, submission, job }).catch(async (error: unknown) => {
    // Known to have changed nothing; after a lost answer the sweep of orphans decides.
    if (isAdmitted && REFUSALS.some((code) => isKaziError(error, code))) await closeBudgets(context.db, [jobId]);
    throw error;
  });
  if (isAdmitted && !taken.isQueued) await closeBudgets(context.db, [jobId]);
  if (taken.response !== null) return { response: taken.response, isReplay: false };
  const kept = await findReplay(context, principal, job.request);
  if (!kept) throw new KaziError('IDEMPOTENCY_IN_PROGRESS');
  return kept;
};

const REFUSALS = ['NO_RUNNER', 'SESSION_BUSY', 'QUEUE_FULL', 'RECORD_USER_MISMATCH'] as const;

interface Intake {
  readonly session: ResolvedSession;
  readonly submission: JobSubmission;
  readonly job: NewJob;
}

/** Work without a rule of its own goes in with what comes at the same time; the rest alone. */
const takeIn = async (context: ActionContext, principal: Principal, intake: Intake): Promise<Taken> => {
  const { session, submission, job } = intake;
  if (job.needsRunner && !(await hasRunner(context.db))) throw new KaziError('NO_RUNNER');
  if (job.prompt || (job.ifBusy !== undefined && job.ifBusy !== 'reject')) {
    const { placement, response } = await placeJob(context, principal, { submission, job });
    if (placement.outcome === 'replay') return { response: null, isQueued: false };
    return { response, isQueued: placement.jobId === submission.id };
  }
  // The look beforehand spares the batch that a refusal fails; the commit decides over what begins in this moment.
  if (submission.onlyIfIdle && session.sessionNum !== null && (await isSessionBusy(context.db, session.sessionNum))) {
    throw new KaziError('SESSION_BUSY');
  }
  const { outcome } = await context.intake.submit(submission);
  const isQueued = outcome === 'accepted';
  return { response: isQueued ? job.request.toResponse(submission.id) : null, isQueued };
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
