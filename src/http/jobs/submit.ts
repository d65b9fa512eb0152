import type { FastifyInstance } from 'fastify';
import { createJob } from '../../actions/create-job.ts';
import { KaziError } from '../../core/errors.ts';
import { readRequestIdentity } from '../idempotency.ts';
import { parseBody } from '../request-body.ts';
import { addRoute, type Exchange } from '../route.ts';
import type { JobRoutesOptions } from './options.ts';
import { type SubmitRequest, submitSchema } from './schema.ts';
import { toWebhookRequest } from './webhook-config.ts';

/** `POST /submit`: accepts a job. */
export const addSubmitRoutes = (server: FastifyInstance, { context, draining }: JobRoutesOptions): void => {
  addRoute(server, context, {
    method: 'POST',
    url: '/submit',
    access: { who: 'submit', readsQueryToken: false, record: 'session' },
    rateLimited: true,
    readBody: (bytes) => parseBody(submitSchema, bytes, 'Invalid job submission body'),
    hintsOf: (body) => ({ userId: body.user_id ?? null, tenantId: body.tenant_id ?? null }),
    handle: async (exchange) => {
      if (draining.aborted) throw new KaziError('SHUTTING_DOWN');
      return await submit(exchange);
    },
  });
  // The contract wants this for GET, and 405 for every other method.
  server.get('/submit', { config: { access: { who: 'public' } } }, () => {
    throw new KaziError('INVALID_JSON');
  });
};

const submit = async ({
  context,
  principal,
  request,
  reply,
  body,
  countRequest,
}: Exchange<SubmitRequest>): Promise<string> => {
  const identity = readRequestIdentity(request, principal, (jobId, outcome) => toResponse(body, jobId, outcome));
  const created = await createJob(context, principal, {
    question: body.question,
    agent: body.agent_type || null,
    session: { sessionId: body.session_id ?? null, sessionKey: body.session_key || null },
    scheduleAt: toScheduleAt(body.schedule_at ?? 0),
    metadata: body.metadata ?? null,
    priority: 0,
    ...(body.if_busy ? { ifBusy: body.if_busy } : {}),
    ...(body.budget ? { budget: body.budget } : {}),
    isForked: body.fork_session ?? false,
    webhookRequest: body.webhook ? toWebhookRequest(body.webhook) : null,
    request: identity,
    countRequest,
  });
  if (created.isReplay) reply.header('Idempotency-Replayed', 'true');
  reply.header('Content-Type', 'application/json; charset=utf-8');
  return created.response;
};

/** Exactly the contract's, unless the client chose what happens in a busy session: then it says what did. */
const toResponse = ({ if_busy }: SubmitRequest, jobId: string, outcome?: string): string => {
  if (if_busy === undefined || outcome === undefined) return `{"ok":true,"job_id":"${jobId}"}`;
  return JSON.stringify({ ok: true, job_id: outcome === 'dropped' ? null : jobId, if_busy, outcome });
};

const toScheduleAt = (seconds: number): Date | null =>
  seconds * 1_000 <= Date.now() ? null : new Date(seconds * 1_000);
