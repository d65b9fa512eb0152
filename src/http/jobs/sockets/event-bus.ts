import type { FastifyInstance, FastifyReply } from 'fastify';
import { KaziError } from '../../../core/errors.ts';
import { checkSessionScope, type Principal } from '../../../core/principal.ts';
import { parseSessionId } from '../../../core/session-id.ts';
import { mayReadSession, standInSession } from '../../../realtime/follow-session.ts';
import { addRoute, type Exchange, NO_BODY } from '../../route.ts';
import { BusSocket, type BusSubscription } from './bus-socket.ts';
import { ClientSocket } from './client-socket.ts';
import { FROM_NOW, parseAfter } from './log-cursor.ts';
import { METHODS, type SocketRoutesOptions } from './options.ts';

/** `/ws` and `/events`: the event bus of a tenant, or of one user (jobs API, section 10.3). */
export const addEventBusRoutes = (server: FastifyInstance, options: SocketRoutesOptions): void => {
  for (const url of ['/ws', '/events']) {
    addRoute(server, options.routes.context, {
      method: METHODS,
      url,
      rateLimited: true,
      access: { who: 'read', readsQueryToken: true, record: 'session' },
      ...NO_BODY,
      handle: async (exchange) => await openBus(exchange, options),
    });
  }
};

const openBus = async (exchange: Exchange<unknown>, options: SocketRoutesOptions): Promise<FastifyReply> => {
  const { context, principal, request, reply, query } = exchange;
  const { routes, upgrades, openSockets, translator, settings } = options;
  const sessionIds = readSessionIds(principal, query);
  if (!principal.hasTenantClaim && principal.userId === null) throw new KaziError('MISSING_CONTEXT');
  if (!upgrades.isUpgrade(request)) throw new KaziError('NOT_FOUND');
  await exchange.countRequest();
  const after = query.get('after');
  const cursors = parseAfter(after ?? '', sessionIds);
  if (routes.draining.aborted) throw new KaziError('SHUTTING_DOWN');
  const subscriptions: BusSubscription[] = [];
  for (const sessionId of sessionIds) {
    const { afterSeq, skipParts } = cursors.get(sessionId) ?? FROM_NOW;
    const session = await context.directory.findSession(principal.tenantId, sessionId);
    if (session && !mayReadSession(principal, session)) continue;
    subscriptions.push({ sessionId, stand: await standInSession(context, { session, afterSeq }), skipParts });
  }
  const opened = upgrades.open(request, reply);
  if (!opened) return reply;
  const { realtime } = routes;
  const socket: ClientSocket = new ClientSocket({
    ...opened,
    principal,
    settings,
    log: context.log,
    sessionId: '',
    resumeFrom: () => bus.position(),
  });
  const parts = { context, realtime, translator, log: context.log };
  const bus = new BusSocket({ ...parts, socket, name: busOf(principal), isResumable: after !== null });
  openSockets.add(socket, { closesIdle: true });
  bus.start(subscriptions);
  return reply;
};

/**
 * The sessions that a client subscribes to with its request, as far as its credential reaches. Throws INVALID_SESSION_ID,
 * and SESSION_NOT_AUTHORIZED for a session-bound credential that names none of its sessions.
 */
const readSessionIds = (principal: Principal, query: URLSearchParams): string[] => {
  const single = query.get('session_id')?.trim() ?? null;
  const several = (query.get('session_ids') ?? '').split(',').map((id) => id.trim());
  const named = [single, ...several.filter((id) => id !== '')].filter((id) => id !== null).map(parseSessionId);
  const ids = [...new Set(named)].filter((id) => principal.sessionIds?.includes(id) ?? true);
  checkSessionScope(principal, single ?? ids[0] ?? null);
  return ids;
};

/** The tenant when the credential names one, else the user. */
const busOf = ({ hasTenantClaim, tenantId, userId }: Principal): string =>
  JSON.stringify(hasTenantClaim ? [tenantId] : [tenantId, userId]);
