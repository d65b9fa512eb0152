import Fastify, { type FastifyInstance } from 'fastify';
import type { Logger } from 'pino';
import type { ActionContext } from '../actions/context.ts';
import { KaziError } from '../core/errors.ts';
import type { EventHub } from '../realtime/event-hub.ts';
import type { Realtime } from '../realtime/realtime.ts';
import { type DeclaredRoute, guardRoutes } from './access.ts';
import { addBatchesRoutes } from './batches/routes.ts';
import { allowedHeaders, CORS_HEADERS } from './cors.ts';
import { addJobRoutes } from './jobs/routes.ts';
import type { SocketSettings } from './jobs/sockets/settings.ts';
import { addAgentRoutes } from './operations/agents.ts';
import { addApprovalRoutes } from './operations/approvals.ts';
import { addBudgetRoutes } from './operations/budgets.ts';
import { addHealthRoutes, type HealthSource } from './operations/health.ts';
import { addKeyRoutes } from './operations/keys.ts';
import { addMailRoutes } from './operations/mail.ts';
import { addSecretRoutes } from './operations/secrets.ts';
import { addUsageRoutes } from './operations/usage.ts';
import { addWebhookDeliveryRoutes } from './operations/webhook-deliveries.ts';
import { addWebhookEndpointRoutes } from './operations/webhook-endpoints.ts';
import { addRateLimits } from './rate-limit.ts';
import { MAX_BODY_BYTES } from './request-body.ts';
import { requestIdOf } from './request-id.ts';
import { pathOf, toRouterUrl } from './request-url.ts';
import { answerClientError, sendError } from './send-error.ts';
import { Upgrades } from './upgrade.ts';
import { addWorkerRoutes } from './workers/routes.ts';

export interface ServerOptions {
  readonly context: ActionContext;
  readonly hub: EventHub;
  readonly realtime: Realtime;
  readonly health: HealthSource;
  readonly log: Logger;
  /** Aborted when the node begins to stop: new work is refused, streams end with their cursor, connections are closed. */
  readonly draining: AbortSignal;
  /** How long a query may take before its run is stopped. */
  readonly queryTimeoutMs: number;
  /** How long a repeated request waits for the answer of a first one that is still open; 30 s when absent. */
  readonly replayWaitMs?: number;
  /** In place of what the contract says of open sockets; for tests. */
  readonly sockets?: Partial<SocketSettings>;
  /** Where clients reach this server; null = as each request came. */
  readonly publicUrl: string | null;
  /** Domain of the mail addresses of workers. */
  readonly mailDomain: string;
  /** False on a node that only runs jobs: it answers for its health, and nothing else. */
  readonly servesApi: boolean;
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Every route of the router with who may use it. */
    readonly declaredRoutes: readonly DeclaredRoute[];
  }
}

/** A request has to arrive within this; longer ones are answered with REQUEST_TIMEOUT. */
const REQUEST_TIMEOUT_MS = 60_000;
/** Longer than the idle time of common load balancers, so that they close first. */
const KEEP_ALIVE_MS = 75_000;

/** Jobs API, section 8. */
const REPLAY_WAIT_MS = 30_000;

/** Builds the HTTP face of a node. It listens when the caller says so; close() drains by itself if nobody has before. */
export const buildServer = (options: ServerOptions): FastifyInstance => {
  const { context, health, log } = options;
  const server = createServer();
  const routes = guardRoutes(server);
  server.decorate('declaredRoutes', routes);
  const closing = new AbortController();
  const draining = AbortSignal.any([options.draining, closing.signal]);
  draining.addEventListener('abort', () => closeConnections(server), { once: true });
  server.addHook('preClose', async () => closing.abort());

  server.addHook('onRequest', (request, reply, done) => {
    reply.headers(CORS_HEADERS).header('X-Request-Id', request.id);
    if (draining.aborted) reply.header('Connection', 'close');
    if (request.method === 'OPTIONS') {
      const requested = request.headers['access-control-request-headers'];
      reply.header('Access-Control-Allow-Headers', allowedHeaders(requested)).code(204).send();
      return;
    }
    // Bodies are JSON whatever the client calls them (jobs API, section 1), so the header has no say.
    delete request.headers['content-type'];
    done();
  });
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  server.setErrorHandler((error, request, reply) => sendError(log, error, request, reply));

  addRateLimits(server, context);
  addHealthRoutes(server, { health, draining });
  if (options.servesApi) {
    addKeyRoutes(server, context);
    addAgentRoutes(server, context);
    addUsageRoutes(server, context);
    addBudgetRoutes(server, context);
    addApprovalRoutes(server, context);
    addSecretRoutes(server, context);
    addMailRoutes(server, context);
    addWebhookEndpointRoutes(server, context);
    addWebhookDeliveryRoutes(server, context);
    const { replayWaitMs = REPLAY_WAIT_MS } = options;
    const upgrades = new Upgrades();
    upgrades.listen(server);
    addWorkerRoutes(server, { ...options, draining });
    addJobRoutes(server, { ...options, replayWaitMs, draining, closing: closing.signal }, upgrades);
    addBatchesRoutes(server, { context, draining });
  }
  const patterns = routes.map(({ url }) => patternOf(url));
  server.setNotFoundHandler((request, reply) => {
    // A path that some route has, under another method, is not unknown.
    const isKnown = patterns.some((pattern) => pattern.test(pathOf(request.url)));
    sendError(log, new KaziError(isKnown ? 'METHOD_NOT_ALLOWED' : 'NOT_FOUND'), request, reply);
  });
  return server;
};

/** Idle connections at once; those that are answering now, as soon as they fall idle. */
const closeConnections = ({ server }: FastifyInstance): void => {
  server.keepAliveTimeout = 1;
  server.closeIdleConnections();
};

const createServer = (): FastifyInstance =>
  Fastify({
    bodyLimit: MAX_BODY_BYTES,
    requestTimeout: REQUEST_TIMEOUT_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    http: { shouldUpgradeCallback: Upgrades.isWanted },
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    exposeHeadRoutes: false,
    logger: false,
    requestIdHeader: false,
    genReqId: (request) => requestIdOf(request.headers['x-request-id']),
    rewriteUrl: (request) => toRouterUrl(request.url ?? '/'),
    // The size of a header is bounded before; the router's own limit would turn long ids into unknown paths.
    routerOptions: { maxParamLength: 65_536, querystringParser: () => ({}) },
    clientErrorHandler: answerClientError,
  });

const patternOf = (url: string): RegExp => {
  const text = url.replaceAll(/[.+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`^${text.replaceAll(/:\w+/g, '[^/]+').replaceAll('*', '.*')}$`, 's');
};
