import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ActionContext } from '../../actions/context.ts';
import { findSession } from '../../actions/find-session.ts';
import { promotePrompt } from '../../actions/promote-prompt.ts';
import { queuePrompt } from '../../actions/queue-prompt.ts';
import { readPromptQueue } from '../../actions/read-prompt-queue.ts';
import { removePrompts } from '../../actions/remove-prompts.ts';
import { type ErrorCode, KaziError } from '../../core/errors.ts';
import { readRequestIdentity } from '../idempotency.ts';
import { decodeOnce } from '../path-parameter.ts';
import { parseBody } from '../request-body.ts';
import { addRoute, type Exchange, NO_BODY } from '../route.ts';
import type { JobRoutesOptions } from './options.ts';
import { sessionIdOf, sessionRoute } from './session-path.ts';
import { promptChangeSchema, promptSchema } from './session-schema.ts';

/** The session is checked before the body (jobs API, section 1.1), so the handler parses it. */
const RAW_BODY = { readBody: (bytes: Buffer | undefined) => bytes } as const;

/** `/session/{id}/queue`: the prompts that wait in a session. */
export const addQueueRoutes = (server: FastifyInstance, { context, draining }: JobRoutesOptions): void => {
  addRoute(server, context, {
    method: 'GET',
    url: '/session/:sessionId/queue',
    ...sessionRoute('read'),
    ...NO_BODY,
    handle: async ({ principal, request }) => await list(context, principal, sessionIdOf(request)),
  });
  addRoute(server, context, {
    method: 'POST',
    url: '/session/:sessionId/queue',
    ...sessionRoute('submit'),
    ...RAW_BODY,
    errorFields: describeRefusal(context.sessions.mostPrompts),
    handle: async (exchange) => {
      if (draining.aborted) throw new KaziError('SHUTTING_DOWN');
      return await add(exchange);
    },
  });
  addRoute(server, context, {
    method: 'DELETE',
    url: '/session/:sessionId/queue',
    ...sessionRoute('submit'),
    ...NO_BODY,
    handle: async ({ principal, request }) => {
      const sessionId = sessionIdOf(request);
      const count = await removePrompts(context, principal, { sessionId, promptId: null });
      const message = count === 0 ? 'Queue was already empty' : `Cleared ${count} queued prompt(s)`;
      return { ok: true, session_id: sessionId, cleared_count: count, message };
    },
  });
  addPromptRoutes(server, context);
};

/** One prompt: taken out, or made the next one (beside the contract). */
const addPromptRoutes = (server: FastifyInstance, context: ActionContext): void => {
  addRoute(server, context, {
    method: 'DELETE',
    url: '/session/:sessionId/queue/:promptId',
    ...sessionRoute('submit'),
    ...NO_BODY,
    errorFields: (error, request) =>
      error.code === 'PROMPT_NOT_FOUND'
        ? { removed: false, session_id: sessionIdOf(request), prompt_id: promptIdOf(request) }
        : {},
    handle: async ({ principal, request }) => {
      const sessionId = sessionIdOf(request);
      const promptId = promptIdOf(request);
      await removePrompts(context, principal, { sessionId, promptId });
      return { ok: true, removed: true, session_id: sessionId, prompt_id: promptId };
    },
  });
  addRoute(server, context, {
    method: 'PATCH',
    url: '/session/:sessionId/queue/:promptId',
    ...sessionRoute('submit'),
    ...RAW_BODY,
    handle: async ({ principal, request, body }) => {
      const sessionId = sessionIdOf(request);
      await findSession(context, principal, sessionId);
      parseBody(promptChangeSchema, body, 'Invalid prompt change: expected {"position":1}');
      await promotePrompt(context, principal, { sessionId, promptId: promptIdOf(request) });
      return await list(context, principal, sessionId);
    },
  });
};

const list = async (context: ActionContext, principal: Exchange<unknown>['principal'], sessionId: string) => {
  const { isBusy, prompts, most } = await readPromptQueue(context, principal, sessionId);
  return {
    ok: true,
    session_id: sessionId,
    is_executing: isBusy,
    queue_size: prompts.length,
    max_queue_size: most,
    prompts: prompts.map((prompt) => ({
      prompt_id: prompt.id,
      question: prompt.question,
      ...(prompt.userId === null ? {} : { user_id: prompt.userId }),
      queued_at: prompt.queuedAt.getTime(),
      expires_at: prompt.expiresAt.getTime(),
      position: prompt.place,
    })),
  };
};

const add = async ({ context, principal, request, reply, body }: Exchange<Buffer | undefined>): Promise<string> => {
  const sessionId = sessionIdOf(request);
  await findSession(context, principal, sessionId);
  const prompt = parseBody(promptSchema, body, 'Invalid queue prompt body');
  const { mostPrompts } = context.sessions;
  const toResponse = (promptId: string, outcome?: string): string => {
    const said = prompt.if_busy === undefined ? {} : { if_busy: prompt.if_busy, outcome };
    if (outcome === 'dropped') return JSON.stringify({ ok: true, queued: false, session_id: sessionId, ...said });
    const head = JSON.stringify({ ok: true, queued: true, session_id: sessionId, prompt_id: promptId, ...said });
    return `${head.slice(0, -1)},"queue_size":{queue_length},"max_queue_size":${mostPrompts},"expires_at":{expires_at}}`;
  };
  const created = await queuePrompt(context, principal, {
    sessionId,
    question: prompt.question,
    agent: prompt.agent_type || null,
    ...(prompt.if_busy ? { ifBusy: prompt.if_busy } : {}),
    request: readRequestIdentity(request, principal, toResponse),
  });
  if (created.isReplay) reply.header('Idempotency-Replayed', 'true');
  reply.header('Content-Type', 'application/json; charset=utf-8');
  return created.response;
};

const promptIdOf = (request: FastifyRequest): string => {
  const { promptId } = request.params as { readonly promptId: string };
  return decodeOnce(promptId);
};

const REFUSED: ReadonlySet<ErrorCode> = new Set(['INVALID_JSON', 'INVALID_REQUEST', 'SESSION_BUSY']);
const FULL: ReadonlySet<ErrorCode> = new Set(['QUEUE_FULL', 'REQUEST_BUDGET_EXCEEDED', 'COST_BUDGET_EXCEEDED']);

/** What a refused prompt says beside its error (QueueAddErrorResponse). */
const describeRefusal =
  (most: number) =>
  ({ code, details }: KaziError, request: FastifyRequest): Readonly<Record<string, unknown>> => ({
    ...(REFUSED.has(code) || FULL.has(code) ? { queued: false } : {}),
    ...(FULL.has(code) ? { session_id: sessionIdOf(request) } : {}),
    ...(code === 'QUEUE_FULL' ? { queue_size: details['size'], max_queue_size: most } : {}),
  });
