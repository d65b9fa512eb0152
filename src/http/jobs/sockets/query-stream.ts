import type { FastifyInstance, FastifyReply } from 'fastify';
import { readSession, type SessionView } from '../../../actions/read-session.ts';
import { findNamedSession, resolveSession, type SessionReference } from '../../../actions/resolve-session.ts';
import { KaziError } from '../../../core/errors.ts';
import { sessionStatusOf } from '../../../core/session-status.ts';
import { standInSession } from '../../../realtime/follow-session.ts';
import { readText } from '../../query-values.ts';
import { addRoute, type Exchange, NO_BODY } from '../../route.ts';
import { SESSION_KEY_UNITS } from '../schema.ts';
import { ClientSocket } from './client-socket.ts';
import { FROM_NOW, parseAfter } from './log-cursor.ts';
import { METHODS, type SocketRoutesOptions } from './options.ts';
import { QuerySocket } from './query-socket.ts';

/** `/query_stream`: a socket on which one session is asked and followed (jobs API, section 10.2). */
export const addQueryStreamRoute = (server: FastifyInstance, options: SocketRoutesOptions): void => {
  const { upgrades, routes } = options;
  addRoute(server, routes.context, {
    method: METHODS,
    url: '/query_stream',
    rateLimited: true,
    access: { who: 'read', readsQueryToken: true, record: 'session' },
    ...NO_BODY,
    checkFirst: (request) => {
      if (!upgrades.isUpgrade(request)) throw new KaziError('UPGRADE_REQUIRED');
    },
    handle: async (exchange) => await openStream(exchange, options),
  });
};

const openStream = async (exchange: Exchange<unknown>, options: SocketRoutesOptions): Promise<FastifyReply> => {
  const { context, principal, request, reply, query } = exchange;
  const { routes, upgrades, openSockets, settings } = options;
  const reference = readReference(query);
  await findNamedSession(context, principal, reference);
  await exchange.countRequest();
  const { sessionId, sessionNum } = await resolveSession(context, principal, reference);
  const after = query.get('after');
  const cursor = parseAfter(after ?? '', [sessionId]).get(sessionId) ?? FROM_NOW;
  if (routes.draining.aborted) throw new KaziError('SHUTTING_DOWN');
  // In this order: what happens after the stand was taken is sent, so the status is never newer than the frames.
  const session = sessionNum === null ? undefined : await context.directory.findSession(principal.tenantId, sessionId);
  const stand = await standInSession(context, { session, afterSeq: cursor.afterSeq });
  const view = session && (await readSession(context, principal, sessionId));
  const opened = upgrades.open(request, reply);
  if (!opened) return reply;
  let position = String(stand.afterSeq);
  const socket = new ClientSocket({
    ...opened,
    principal,
    settings,
    log: context.log,
    sessionId,
    resumeFrom: () => position,
  });
  openSockets.add(socket, { closesIdle: false });
  socket.send({ type: 'connection_ack', data: { status: statusOf(view) } });
  const { realtime } = routes;
  new QuerySocket({ routes, realtime, translator: options.translator, log: context.log, socket, sessionId }).start({
    stand,
    skipParts: cursor.skipParts,
    isResumable: after !== null,
    onSending: ({ place }) => {
      position = `${place.seq}.${place.part}`;
    },
  });
  return reply;
};

/** Throws INVALID_REQUEST for a key that none can be. */
const readReference = (query: URLSearchParams): SessionReference => {
  const sessionKey = readText(query, 'session_key');
  if (sessionKey !== null && sessionKey.length > SESSION_KEY_UNITS) {
    const message = `Invalid value for session_key: found ${sessionKey.length} characters, expected at most ${SESSION_KEY_UNITS}.`;
    throw new KaziError('INVALID_REQUEST', { message });
  }
  return { sessionId: query.get('session_id')?.trim() ?? null, sessionKey };
};

const statusOf = (view: SessionView | undefined): string => (view ? sessionStatusOf(view.activity) : 'idle');
