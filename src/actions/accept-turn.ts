import type { BudgetLevel } from '../core/budget.ts';
import { KaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import type { StoredWebhook } from '../core/webhook.ts';
import { replaceKeptAnswer } from '../storage/idempotency.ts';
import { getJob } from '../storage/jobs.ts';
import type { ActionContext } from './context.ts';
import { createJob } from './create-job.ts';
import type { NewJob, RequestIdentity } from './new-job.ts';

/** A turn on its way in. */
export interface TurnToAccept {
  readonly workerId: string;
  readonly input: string;
  readonly budget: BudgetLevel;
  readonly metadata?: Readonly<Record<string, unknown>> | null;
  /** Where the news of its end goes, beside the webhook of the worker. */
  readonly webhook?: StoredWebhook;
  readonly request: Omit<RequestIdentity, 'toResponse'>;
  readonly countRequest?: NewJob['countRequest'];
  readonly prepare?: NewJob['prepare'];
}

/** A turn that is stored and queued. */
export interface AcceptedTurn {
  readonly workerId: string;
  readonly jobId: string;
  /** True when an earlier request had made it. */
  readonly isReplay: boolean;
  /** The body of the first answer, where one was kept. */
  readonly keptAnswer: string | null;
  /** Keeps the body that answers for the request, should it be sent again; does nothing where it has no key. */
  readonly keepAnswer: (body: string) => Promise<void>;
}

/**
 * Stores and queues a turn; it waits for its place in the session of the worker. What is kept under an Idempotency-Key is
 * the id of the job, and, once it is known, the answer on the lines after it. Throws as createJob does.
 */
export const acceptTurn = async (
  context: ActionContext,
  principal: Principal,
  turn: TurnToAccept,
): Promise<AcceptedTurn> => {
  const { idempotencyScope } = turn.request;
  const created = await createJob(context, principal, {
    question: turn.input,
    agent: null,
    session: { sessionId: turn.workerId, sessionKey: null },
    scheduleAt: null,
    metadata: turn.metadata ?? null,
    priority: 0,
    budget: turn.budget,
    webhook: turn.webhook ?? null,
    request: { ...turn.request, toResponse: (jobId) => jobId },
    ...(turn.countRequest ? { countRequest: turn.countRequest } : {}),
    ...(turn.prepare ? { prepare: turn.prepare } : {}),
  });
  const [jobId = '', ...lines] = created.response.split('\n');
  return {
    workerId: created.isReplay ? await workerOf(context, jobId) : turn.workerId,
    jobId,
    isReplay: created.isReplay,
    keptAnswer: lines.length === 0 ? null : lines.join('\n'),
    keepAnswer: async (body) => {
      if (idempotencyScope !== null) await replaceKeptAnswer(context.db, idempotencyScope, `${jobId}\n${body}`);
    },
  };
};

const workerOf = async (context: ActionContext, jobId: string): Promise<string> => {
  const job = await getJob(context.db, jobId);
  if (!job) throw new KaziError('JOB_NOT_FOUND');
  return job.sessionId;
};
