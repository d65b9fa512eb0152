import type { FastifyInstance } from 'fastify';
import { cancelJob } from '../../actions/cancel-job.ts';
import { checkQueryJob } from '../../actions/check-query-job.ts';
import { createJob } from '../../actions/create-job.ts';
import { readJob } from '../../actions/read-job.ts';
import { KaziError } from '../../core/errors.ts';
import { jobEnded } from '../../realtime/job-end.ts';
import { readRequestIdentity } from '../idempotency.ts';
import { parseBody } from '../request-body.ts';
import { addRoute, type Exchange } from '../route.ts';
import type { JobRoutesOptions } from './options.ts';
import { toQueryResponse } from './query-response.ts';
import { type QueryRequest, querySchema } from './schema.ts';

/** A client that waits sends it again itself: a run that lost its node is not begun anew behind its back. */
const ATTEMPTS = 1;

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
  const identity = readRequestIdentity(request, principal, (jobId) => jobId);
  const session = { sessionId: body.session_id ?? null, sessionKey: body.session_key || null };
  await checkQueryJob(context, principal, { jobId: body.job_id ?? null, session });
  if (body.fork_session === true && (session.sessionId ?? session.sessionKey) !== null) {
    throw new KaziError('FORK_UNSUPPORTED');
  }
  const created = await createJob(context, principal, {
    question: body.question,
    agent: body.agent_type || null,
    session,
    scheduleAt: null,
    metadata: null,
    priority: 0,
    ifBusy: body.if_busy ?? 'reject',
    maxAttempts: ATTEMPTS,
    request: identity,
  });
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
