import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { changeWebhookEndpoint, rotateEndpointSecret } from '../../actions/change-webhook-endpoint.ts';
import type { ActionContext } from '../../actions/context.ts';
import { type CreatedEndpoint, createWebhookEndpoint } from '../../actions/create-webhook-endpoint.ts';
import { deleteWebhookEndpoint } from '../../actions/delete-webhook-endpoint.ts';
import { listWebhookEndpoints, readWebhookEndpoint } from '../../actions/read-webhook-endpoints.ts';
import { sendTestWebhook } from '../../actions/send-test-webhook.ts';
import { KaziError } from '../../core/errors.ts';
import { isSessionId } from '../../core/session-id.ts';
import { WEBHOOK_EVENTS } from '../../core/webhook-delivery.ts';
import { toWebhookRequest, webhookSchema } from '../jobs/webhook-config.ts';
import { parseBody } from '../request-body.ts';
import { addRoute, type Exchange, NO_BODY } from '../route.ts';
import { storableText } from '../schema.ts';
import { toDeliveryView, toEndpointView } from './webhook-view.ts';

const ACCESS = { who: 'admin', readsQueryToken: false, record: 'tenant' } as const;
const ONE = '/webhooks/endpoints/:id';
const DAY_SECONDS = 86_400;
const MAX_KEEP_SECONDS = 365 * DAY_SECONDS;
const MAX_SECRET_UNITS = 1_024;

const idSchema = z.uuid();
const name = storableText.trim().max(200);
const events = z.array(z.enum(WEBHOOK_EVENTS)).min(1).nullish();

const newSchema = webhookSchema.extend({
  name: name.default(''),
  events,
  session_id: z.string().trim().refine(isSessionId).nullish(),
});
const changeSchema = webhookSchema
  .omit({ signing_secret: true })
  .partial()
  .extend({ name: name.optional(), events, enabled: z.boolean().optional() });
const rotationSchema = z.strictObject({
  signing_secret: z.string().min(1).max(MAX_SECRET_UNITS).nullish(),
  keep_previous_seconds: z.int().min(0).max(MAX_KEEP_SECONDS).default(DAY_SECONDS),
});

/** `/webhooks/endpoints`: where a tenant is told of all its jobs, for its admins. */
export const addWebhookEndpointRoutes = (server: FastifyInstance, context: ActionContext): void => {
  addRoute(server, context, {
    method: 'GET',
    url: '/webhooks/endpoints',
    access: ACCESS,
    ...NO_BODY,
    handle: async ({ principal }) => ({
      ok: true,
      endpoints: (await listWebhookEndpoints(context, principal)).map(toEndpointView),
    }),
  });
  addRoute(server, context, {
    method: 'POST',
    url: '/webhooks/endpoints',
    access: ACCESS,
    readBody: (bytes) => parseBody(newSchema, bytes, 'Invalid webhook endpoint body'),
    hintsOf: null,
    handle: async ({ principal, body }) => {
      const { name: given, events: wanted, session_id: sessionId, ...config } = body;
      const webhook = toWebhookRequest(config);
      const endpoint = { name: given, webhook, events: wanted ?? [], sessionId: sessionId ?? null };
      return toCreatedView(await createWebhookEndpoint(context, principal, endpoint));
    },
  });
  addRoute(server, context, {
    method: 'GET',
    url: ONE,
    access: ACCESS,
    ...NO_BODY,
    handle: async (exchange) => ({
      ok: true,
      endpoint: toEndpointView(await readWebhookEndpoint(context, exchange.principal, idOf(exchange))),
    }),
  });
  addChangeRoutes(server, context);
};

const addChangeRoutes = (server: FastifyInstance, context: ActionContext): void => {
  addRoute(server, context, {
    method: 'PATCH',
    url: ONE,
    access: ACCESS,
    readBody: (bytes) => parseBody(changeSchema, bytes, 'Invalid webhook endpoint body'),
    hintsOf: null,
    handle: async (exchange) => {
      const { name: given, events: wanted, enabled, ...config } = exchange.body;
      const endpoint = await changeWebhookEndpoint(context, exchange.principal, {
        id: idOf(exchange),
        name: given,
        events: wanted === null ? [] : wanted,
        webhook: toWebhookChange(config),
        isEnabled: enabled,
      });
      return { ok: true, endpoint: toEndpointView(endpoint) };
    },
  });
  addRoute(server, context, {
    method: 'DELETE',
    url: ONE,
    access: ACCESS,
    ...NO_BODY,
    handle: async (exchange) => {
      await deleteWebhookEndpoint(context, exchange.principal, idOf(exchange));
      return { ok: true, deleted: true, id: idOf(exchange) };
    },
  });
  addRoute(server, context, {
    method: 'POST',
    url: `${ONE}/rotate-secret`,
    access: ACCESS,
    readBody: (bytes) => parseBody(rotationSchema, bytes ?? EMPTY, 'Invalid secret rotation body'),
    hintsOf: null,
    handle: async (exchange) => {
      const { signing_secret: signingSecret, keep_previous_seconds: keepSeconds } = exchange.body;
      return toCreatedView(
        await rotateEndpointSecret(context, exchange.principal, {
          id: idOf(exchange),
          signingSecret: signingSecret ?? null,
          keepPreviousMs: keepSeconds * 1_000,
        }),
      );
    },
  });
  addRoute(server, context, {
    method: 'POST',
    url: `${ONE}/test`,
    access: ACCESS,
    ...NO_BODY,
    handle: async (exchange) => ({
      ok: true,
      delivery: toDeliveryView(await sendTestWebhook(context, exchange.principal, idOf(exchange))),
    }),
  });
};

const EMPTY = Buffer.from('{}');

const idOf = ({ request }: Exchange<unknown>): string => {
  const id = idSchema.safeParse((request.params as { readonly id: string }).id);
  if (!id.success) throw new KaziError('ENDPOINT_NOT_FOUND');
  return id.data.toLowerCase();
};

/** Null resets a field, and an absent one stays. */
const toWebhookChange = ({
  url,
  headers,
  secret_ref: secretRef,
  timeout_seconds: timeoutSeconds,
  max_attempts: maxAttempts,
}: Omit<z.infer<typeof changeSchema>, 'name' | 'events' | 'enabled'>) => ({
  ...(url === undefined ? {} : { url }),
  headers,
  secretRef,
  timeoutSeconds,
  maxAttempts,
});

/** The secret is in this answer and in no other. */
const toCreatedView = ({ endpoint, newSecret }: CreatedEndpoint): Readonly<Record<string, unknown>> => ({
  ok: true,
  endpoint: toEndpointView(endpoint),
  ...(newSecret === null ? {} : { signing_secret: newSecret }),
});
