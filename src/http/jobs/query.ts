import type { FastifyInstance } from 'fastify';
import { createQuery } from '../../actions/create-query.ts';
import { giveUpQuery, wasGivenUp } from '../../actions/give-up-query.ts';
import type { RequestIdentity } from '../../actions/new-job.ts';
import { readJob } from '../../actions/read-job.ts';
import { KaziError } from '../../core/errors.ts';
import { runThatAnswers } from '../../realtime/job-end.ts';
import { readRequestIdentity } from '../idempotency.ts';
import { parseBody } from '../request-body.ts';
import { addRoute, type Exchange } from '../route.ts';
import type { JobRoutesOptions } from './options.ts';
import { toQueryResponse } from './query-response.ts';
import { type QueryRequest, querySchema } from './schema.ts';

/** `POST /query`: runs a job and answers with its result. */
export const addQueryRoutes = (server: FastifyInstance, options: JobRoutesOptions): void => {
  addRoute(server, options.context, {
    method: 'POST',
    url: '/query',
    access: { who: 'submit', readsQueryToken: false, record: 'session' },
    rateLimited: true,
    readBody: (bytes) => parseBody(querySchema, bytes, 'Invalid query request body'),
    hintsOf: (body) => ({ userId: body.user_id ?? null, tenantId: body.tenant_id ?? null }),
    handle: async (exchange) => {
      if (options.draining.aborted) throw new KaziError('SHUTTING_DOWN');
      const accepted = await accept(exchange);
      if (accepted.outcome !== undefined) exchange.reply.header('Kazi-Outcome', accepted.outcome);
      return accepted.outcome === 'dropped' ? DROPPED : await answer(exchange, options, accepted);
    },
  });
  // The contract wants this for GET, and 405 for every other method.
  server.get('/query', { config: { access: { who: 'public' } } }, () => {
    throw new KaziError('INVALID_JSON');
  });
};

/** Of a query that its client would rather have dropped than wait. */
const DROPPED = { ok: true, messages: [], summary: { is_complete: false } } as const;

/** A query that was taken in, or found to have been. */
interface AcceptedQuery {
  /** The job that runs it; of the first one, for a request that is sent again. */
  readonly jobId: string;
  /** What happened in a busy session, where the client chose that. */
  readonly outcome: string | undefined;
  /** True when an earlier request began it. */
  readonly isReplay: boolean;
  readonly request: RequestIdentity;
}

const accept = async (exchange: Exchange<QueryRequest>): Promise<AcceptedQuery> => {
  const { context, principal, request, reply, body, countRequest } = exchange;
  const identity = readRequestIdentity(request, principal, (id, happened) =>
    body.if_busy === undefined || happened === undefined ? id : `${id} ${happened}`,
  );
  const job = {
    question: body.question,
    agent: body.agent_type || null,
    session: { sessionId: body.session_id ?? null, sessionKey: body.session_key || null },
    scheduleAt: null,
    metadata: null,
    priority: 0,
    ...(body.if_busy ? { ifBusy: body.if_busy } : {}),
    isForked: body.fork_session ?? false,
    request: identity,
    countRequest,
  };
  const query = { job, jobId: body.job_id ?? null };
  const created = await createQuery(context, principal, query);
  if (created.isReplay) reply.header('Idempotency-Replayed', 'true');
  const [jobId = '', outcome] = created.response.split(' ');
  return { jobId, outcome, isReplay: created.isReplay, request: identity };
};

const answer = async (
  { context, principal, reply }: Exchange<QueryRequest>,
  { hub, closing, queryTimeoutMs, replayWaitMs }: JobRoutesOptions,
  { jobId, outcome, isReplay, request }: AcceptedQuery,
): Promise<unknown> => {
  const gone = new AbortController();
  // The run goes on without its client: the answer is in the session, and a repeated request gets it.
  reply.raw.once('close', () => gone.abort());
  const late = new AbortController();
  const timeout = setTimeout(() => late.abort(), isReplay ? replayWaitMs : queryTimeoutMs);
  const signal = AbortSignal.any([gone.signal, closing, late.signal]);
  const job = await runThatAnswers(hub, context.db, { jobId, signal }).finally(() => clearTimeout(timeout));
  if (gone.signal.aborted) return reply.hijack();
  const tooLate = ({ startedAt }: { readonly startedAt: Date | null }): KaziError =>
    startedAt === null
      ? new KaziError('NO_RUNNER')
      : new KaziError('QUERY_TIMED_OUT', { seconds: queryTimeoutMs / 1_000 });
  if (job) {
    if (isReplay && (await wasGivenUp(context, request))) throw tooLate(job);
    if (job.outcome?.fault === 'provider') throw new KaziError('MODEL_PROVIDER_FAILED', { message: job.error });
    const view = await readJob(context, principal, { jobId: job.id, namedSessionId: null });
    return toQueryResponse(view.job, view.messages ?? []);
  }
  if (!late.signal.aborted) throw new KaziError('SHUTTING_DOWN');
  // Only the request that began the run may end it.
  if (isReplay) throw new KaziError('IDEMPOTENCY_IN_PROGRESS');
  // A run that this input only joined is somebody else's too.
  await giveUpQuery(context, principal, { jobId: outcome === 'merged' ? null : jobId, request });
  const view = await readJob(context, principal, { jobId, namedSessionId: null });
  throw tooLate(view.job);
};
