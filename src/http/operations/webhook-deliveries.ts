import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import type { ActionContext } from '../../actions/context.ts';
import { listTenantDeliveries, readDelivery } from '../../actions/read-deliveries.ts';
import { replayFailed, replayOneDelivery } from '../../actions/replay-deliveries.ts';
import { defineCursor } from '../../core/cursor.ts';
import { KaziError } from '../../core/errors.ts';
import { parseJobId } from '../../core/job-id.ts';
import { DELIVERY_STATES } from '../../core/webhook-delivery.ts';
import { fromWebhookId, toWebhookId } from '../../core/webhook-id.ts';
import { readCount, readText } from '../query-values.ts';
import { readName, readTime } from '../report-values.ts';
import { parseBody } from '../request-body.ts';
import { addRoute, type Exchange, NO_BODY } from '../route.ts';
import { MAX_SECONDS } from '../seconds.ts';
import { toAttemptView, toDeliveryView } from './webhook-view.ts';

const ACCESS = { who: 'admin', readsQueryToken: false, record: 'tenant' } as const;
const LIMIT = { name: 'limit', fallback: 20, min: 1, max: 100 } as const;
const CURSOR = defineCursor('webhook_deliveries', { id: 'text' });

const idSchema = z.uuid();
const replaySchema = z.strictObject({
  since: z.number().min(0).max(MAX_SECONDS),
  endpoint_id: z.uuid().nullish(),
});

/** `/webhooks/deliveries`: what was sent or is to be sent, and sending it again, for the admins of the tenant. */
export const addWebhookDeliveryRoutes = (server: FastifyInstance, context: ActionContext): void => {
  addRoute(server, context, {
    method: 'GET',
    url: '/webhooks/deliveries',
    access: ACCESS,
    ...NO_BODY,
    handle: listPage,
  });
  addRoute(server, context, {
    method: 'GET',
    url: '/webhooks/deliveries/:id',
    access: ACCESS,
    ...NO_BODY,
    handle: async (exchange) => {
      const { delivery, attempts } = await readDelivery(context, exchange.principal, idOf(exchange));
      return { ok: true, delivery: toDeliveryView(delivery), attempts: attempts.map(toAttemptView) };
    },
  });
  addRoute(server, context, {
    method: 'POST',
    url: '/webhooks/deliveries/:id/replay',
    access: ACCESS,
    ...NO_BODY,
    handle: async (exchange) => ({
      ok: true,
      delivery: toDeliveryView(await replayOneDelivery(context, exchange.principal, idOf(exchange))),
    }),
  });
  addRoute(server, context, {
    method: 'POST',
    url: '/webhooks/deliveries/replay-failed',
    access: ACCESS,
    readBody: (bytes) => parseBody(replaySchema, bytes, 'Invalid replay body'),
    hintsOf: null,
    handle: async ({ principal, body }) => {
      const since = new Date(body.since * 1_000);
      const endpointId = body.endpoint_id?.toLowerCase() ?? null;
      return { ok: true, replayed: await replayFailed(context, principal, { since, endpointId }) };
    },
  });
};

/** Newest first. */
const listPage = async ({ context, principal, query }: Exchange<unknown>): Promise<unknown> => {
  const limit = readCount(query, LIMIT);
  const state = readText(query, 'state');
  const jobId = readText(query, 'job_id');
  const cursor = query.get('cursor');
  const deliveries = await listTenantDeliveries(context, principal, {
    state: state === null ? null : readName(state, 'state', DELIVERY_STATES),
    endpointId: readEndpointId(readText(query, 'endpoint_id')),
    jobId: jobId === null ? null : parseJobId(jobId),
    event: readText(query, 'event'),
    since: readTime(query, 'since'),
    beforeId: cursor === null ? null : readCursor(cursor),
    limit: limit + 1,
  });
  const page = deliveries.slice(0, limit);
  const last = deliveries.length > limit ? page.at(-1) : undefined;
  return {
    ok: true,
    deliveries: page.map(toDeliveryView),
    next_cursor: last ? CURSOR.encode({ id: toWebhookId(last.id) }) : null,
  };
};

const idOf = ({ request }: Exchange<unknown>): string => {
  const id = fromWebhookId((request.params as { readonly id: string }).id);
  if (id === null) throw new KaziError('DELIVERY_NOT_FOUND');
  return id;
};

const readEndpointId = (text: string | null): string | null => {
  if (text === null) return null;
  const id = idSchema.safeParse(text);
  if (id.success) return id.data.toLowerCase();
  const message = `Invalid value for endpoint_id: found "${text.slice(0, 80)}", expected the id of an endpoint.`;
  throw new KaziError('INVALID_REQUEST', { message });
};

const readCursor = (text: string): string => {
  const id = fromWebhookId(CURSOR.decode(text).id);
  if (id === null) throw new KaziError('INVALID_CURSOR', { found: text.slice(0, 80) });
  return id;
};
