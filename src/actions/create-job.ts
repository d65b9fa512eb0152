import type { Agent } from '../core/agent.ts';
import { isKaziError, KaziError } from '../core/errors.ts';
import { newJobId } from '../core/job-id.ts';
import type { Principal } from '../core/principal.ts';
import { newSessionId } from '../core/session-id.ts';
import type { StoredWebhook } from '../core/webhook.ts';
import { closeBudgets } from '../storage/budgets.ts';
import { hasRunner } from '../storage/nodes.ts';
import { isSessionBusy } from '../storage/sessions.ts';
import type { JobSubmission } from '../storage/submissions.ts';
import { type Admission, admitJob } from './admit-job.ts';
import type { ActionContext } from './context.ts';
import { type CreatedJob, findReplay, shortHash } from './find-replay.ts';
import { acceptForkedJob } from './fork-session.ts';
import type { NewJob } from './new-job.ts';
import { placeJob } from './place-job.ts';
import { prepareWebhook } from './prepare-webhook.ts';
import { resolveAgent } from './resolve-agent.ts';
import { type ResolvedSession, resolveSession } from './resolve-session.ts';

/** What was taken in; nothing when an earlier request had done so. */
interface Taken {
  readonly response: string | null;
  /** True when the job that was admitted is in its session's queue. */
  readonly isQueued: boolean;
}

const KEEP_ANSWER_MS = 86_400_000;

/**
 * Accepts a job durably. Order of checks: session scope and ownership, replay, agent, webhook, rate limit, budgets. Throws their errors,
 * SESSION_BUSY where it may not wait, QUEUE_FULL for a prompt, FORK_REFUSED for a fork, NO_RUNNER, and DATABASE_UNAVAILABLE
 * when it is not known whether the job was accepted.
 */
export const createJob = async (context: ActionContext, principal: Principal, job: NewJob): Promise<CreatedJob> => {
  const session = await resolveSession(context, principal, job.session);
  const replay = await findReplay(context, principal, job.request);
  if (replay) return replay;
  const agent = await resolveAgent(context.db, principal.tenantId, job.agent ?? context.defaultAgent);
  const webhook = job.webhookRequest
    ? await prepareWebhook(context, principal.tenantId, job.webhookRequest)
    : job.webhook;
  await job.countRequest?.();
  await job.prepare?.();
  const jobId = job.origin?.jobId ?? newJobId();
  const laneId = await context.directory.laneOf(principal, agent);
  const work = { jobId, agent, laneId, job, webhook: webhook ?? null };
  const isForked = job.isForked === true && (job.session.sessionId !== null || session.sessionNum !== null);
  const response = isForked
    ? await takeFork(context, principal, { ...work, session })
    : await takeWork(context, principal, { ...work, session });
  if (response !== null) return { response, isReplay: false };
  const kept = await findReplay(context, principal, job.request);
  if (!kept) throw new KaziError('IDEMPOTENCY_IN_PROGRESS');
  return kept;
};

interface Work {
  readonly jobId: string;
  readonly agent: Agent;
  readonly laneId: number;
  readonly job: NewJob;
  readonly session: ResolvedSession;
  readonly webhook: StoredWebhook | null;
}

const toSubmission = (principal: Principal, work: Work, response: string): JobSubmission => {
  const { jobId, agent, laneId, job, session, webhook } = work;
  const { idempotencyScope: scope, hash, keepMs = KEEP_ANSWER_MS } = job.request;
  return {
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
    requestHash: shortHash(hash),
    idempotency: scope && { scope, requestHash: hash, response, keepMs },
    onlyIfIdle: job.ifBusy === 'reject',
    ...(job.maxAttempts === undefined ? {} : { maxAttempts: job.maxAttempts }),
    ...(webhook ? { webhook } : {}),
    ...(job.prompt ? { expiresMs: job.prompt.keepMs } : {}),
  };
};

const toAdmission = ({ jobId, agent, job, session }: Work): Admission => ({
  jobId,
  sessionId: session.sessionId,
  agent,
  job,
});

/** In a new session that nobody else knows of, whatever the source does. */
const takeFork = async (context: ActionContext, principal: Principal, work: Work): Promise<string | null> => {
  const { jobId, job } = work;
  if (job.needsRunner && !(await hasRunner(context.db))) throw new KaziError('NO_RUNNER');
  const forked = { ...work, session: { sessionId: newSessionId(), sessionNum: null } };
  const response = job.request.toResponse(jobId, hasRule(job) ? 'started' : undefined);
  const accepted = await acceptForkedJob(context, principal, {
    sourceNum: work.session.sessionNum,
    submission: toSubmission(principal, forked, response),
    admission: toAdmission(forked),
  });
  return accepted ? response : null;
};

const takeWork = async (context: ActionContext, principal: Principal, work: Work): Promise<string | null> => {
  const isAdmitted = await admitJob(context, principal, toAdmission(work));
  const taken = await takeIn(context, principal, work).catch(async (error: unknown) => {
    // Known to have changed nothing; after a lost answer the sweep of orphans decides.
    if (isAdmitted && REFUSALS.some((code) => isKaziError(error, code))) await closeBudgets(context.db, [work.jobId]);
    throw error;
  });
  if (isAdmitted && !taken.isQueued) await closeBudgets(context.db, [work.jobId]);
  return taken.response;
};

const REFUSALS = ['NO_RUNNER', 'SESSION_BUSY', 'QUEUE_FULL', 'RECORD_USER_MISMATCH'] as const;

/** True where the client chose what happens in a busy session. */
const hasRule = ({ prompt, ifBusy }: NewJob): boolean =>
  prompt !== undefined || (ifBusy !== undefined && ifBusy !== 'reject');

/** Work without a rule of its own goes in with what comes at the same time; the rest alone. */
const takeIn = async (context: ActionContext, principal: Principal, work: Work): Promise<Taken> => {
  const { job, session } = work;
  if (job.needsRunner && !(await hasRunner(context.db))) throw new KaziError('NO_RUNNER');
  const response = job.request.toResponse(work.jobId);
  const submission = toSubmission(principal, work, response);
  if (hasRule(job)) {
    const { placement, response: placed } = await placeJob(context, principal, { submission, job });
    if (placement.outcome === 'replay') return { response: null, isQueued: false };
    return { response: placed, isQueued: placement.jobId === submission.id };
  }
  // The look beforehand spares the batch that a refusal fails; the commit decides over what begins in this moment.
  if (submission.onlyIfIdle && session.sessionNum !== null && (await isSessionBusy(context.db, session.sessionNum))) {
    throw new KaziError('SESSION_BUSY');
  }
  const { outcome } = await context.intake.submit(submission);
  const isQueued = outcome === 'accepted';
  return { response: isQueued ? response : null, isQueued };
};
