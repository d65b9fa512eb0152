import type { FastifyInstance } from 'fastify';
import type { ActionContext } from '../../actions/context.ts';
import { listReadableSessions } from '../../actions/list-sessions.ts';
import { readSession, readSessionMessages } from '../../actions/read-session.ts';
import { defineCursor } from '../../core/cursor.ts';
import { KaziError } from '../../core/errors.ts';
import { readCount } from '../query-values.ts';
import { addRoute, type Exchange, NO_BODY } from '../route.ts';
import { sessionIdOf, sessionRoute } from './session-path.ts';
import { toSessionMessage, toSessionState } from './session-view.ts';

const LIMIT = { name: 'limit', fallback: 20, min: 1, max: 100 } as const;
const CURSOR = defineCursor('sessions', { num: 'integer' });

/** `/session/{id}/…`: what a session is doing, and what was said in it. */
export const addSessionRoutes = (server: FastifyInstance, context: ActionContext): void => {
  addRoute(server, context, {
    method: 'GET',
    url: '/session/:sessionId/state',
    ...sessionRoute('read'),
    ...NO_BODY,
    handle: async ({ principal, request }) => {
      const sessionId = sessionIdOf(request);
      return { ok: true, state: toSessionState(sessionId, await readSession(context, principal, sessionId)) };
    },
  });
  addRoute(server, context, {
    method: 'GET',
    url: '/session/:sessionId/messages',
    ...sessionRoute('read'),
    ...NO_BODY,
    handle: async ({ principal, request }) => {
      const sessionId = sessionIdOf(request);
      const messages = await readSessionMessages(context, principal, sessionId);
      return { ok: true, messages: messages.map((message) => toSessionMessage(sessionId, message)) };
    },
  });
  addRoute(server, context, {
    method: 'GET',
    url: '/sessions',
    access: { who: 'read', readsQueryToken: false, record: 'tenant' },
    ...NO_BODY,
    handle: listSessions,
  });
  server.route({
    method: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    url: '/session/',
    config: { access: { who: 'public' } },
    handler: () => {
      throw new KaziError('INVALID_SESSION_PATH');
    },
  });
};

/** Newest first (beside the contract). */
const listSessions = async ({ context, principal, query }: Exchange<unknown>): Promise<unknown> => {
  const cursor = query.get('cursor');
  const limit = readCount(query, LIMIT);
  const beforeNum = cursor === null ? null : CURSOR.decode(cursor).num;
  const sessions = await listReadableSessions(context, principal, { beforeNum, limit: limit + 1 });
  const page = sessions.slice(0, limit);
  const last = sessions.length > limit ? page.at(-1) : undefined;
  return {
    ok: true,
    sessions: page.map((listed) => ({
      ...toSessionState(listed.session.id, listed),
      queued_jobs: listed.queuedJobs,
    })),
    next_cursor: last ? CURSOR.encode({ num: last.session.num }) : null,
  };
};
