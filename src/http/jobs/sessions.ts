import type { FastifyInstance } from 'fastify';
import type { ActionContext } from '../../actions/context.ts';
import { readSession, readSessionMessages } from '../../actions/read-session.ts';
import { KaziError } from '../../core/errors.ts';
import { addRoute, NO_BODY } from '../route.ts';
import { sessionIdOf, sessionRoute } from './session-path.ts';
import { toSessionMessage, toSessionState } from './session-view.ts';

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
  server.route({
    method: ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
    url: '/session/',
    config: { access: { who: 'public' } },
    handler: () => {
      throw new KaziError('INVALID_SESSION_PATH');
    },
  });
};
