import type { FastifyInstance } from 'fastify';
import { cancelJob } from '../../actions/cancel-job.ts';
import { createQuery } from '../../actions/create-query.ts';
import { readJob } from '../../actions/read-job.ts';
import { KaziError } from '../../core/errors.ts';
import { jobEnded } from '../../realtime/job-end.ts';
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
    access: { who: 'credential', readsQueryToken: false, record: 'session' },
    readBody: (bytes) => parseBody(querySchema, bytes, 'Invalid query request body'),
    hintsOf: (body) => ({ userId: body.user_id ?? null, tenantId: body.tenant_id ?? null }),
    handle: async (exchange) => {
      if (options.draining.aborted) throw new KaziError('SHUTTING_DOWN');
      return await answer(exchange, options, await accept(exchange));
    },
  });
  // The contract wants this for GET, and 405 for every other method.
  server.get('/query', { config: { access: { who: 'public' } } }, () => {
    throw new KaziError('INVALID_JSON');
  });
};

/** Id of the job that runs the query; of the first one, for a request that is sent again. */
const accept = async ({ context, principal, request, reply, body }: Exchange<QueryRequest>): Promise<string> => {
  const job = {
    question: body.question,
    agent: body.agent_type || null,
    session: { sessionId: body.session_id ?? null, sessionKey: body.session_key || null },
    scheduleAt: null,
    metadata: null,
    priority: 0,
    ...(body.if_busy ? { ifBusy: body.if_busy } : {}),
    request: readRequestIdentity(request, principal, (jobId) => jobId),
  };
  const query = { job, jobId: body.job_id ?? null, isForked: body.fork_session ?? false };
  const created = await createQuery(context, principal, query);
  if (created.isReplay) reply.header('Idempotency-Replayed', 'true');
  return created.response;
};

const answer = async (
  { context, principal, reply }: Exchange<QueryRequest>,
  { hub, closing, queryTimeoutMs }: JobRoutesOptions,
  jobId: string,
): Promise<unknown> => {
  const reference = { jobId, namedSessionId: null };
  const gone = new AbortController();
  // The run goes on without its client: the answer is in the session, and a repeated request gets it.
  reply.raw.once('close', () => gone.abort());
  const late = new AbortController();
  const timeout = setTimeout(() => late.abort(), queryTimeoutMs);
  const signal = AbortSignal.any([gone.signal, closing, late.signal]);
  const hasEnded = await jobEnded(hub, context.db, { jobId, signal }).finally(() => clearTimeout(timeout));
  if (gone.signal.aborted) return reply.hijack();
  if (hasEnded) {
    const { job, messages } = await readJob(context, principal, reference);
    return toQueryResponse(job, messages ?? []);
  }
  if (!late.signal.aborted) throw new KaziError('SHUTTING_DOWN');
  await cancelJob(context, principal, reference);
  throw new KaziError('QUERY_TIMED_OUT', { seconds: queryTimeoutMs / 1_000 });
};
