import { randomUUID } from 'node:crypto';
import { KaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import { requireScope } from '../core/scope.ts';
import { generateSigningSecret } from '../core/signing-secret.ts';
import type { WebhookRequest } from '../core/webhook.ts';
import type { WebhookEvent } from '../core/webhook-delivery.ts';
import { insertEndpoint, listEndpoints, type WebhookEndpoint } from '../storage/webhook-endpoints.ts';
import type { ActionContext } from './context.ts';
import { prepareWebhook } from './prepare-webhook.ts';

/** The end of every job writes a delivery for each, in the transaction that it shares with others. */
const MOST_ENDPOINTS = 50;

export interface NewEndpoint {
  readonly name: string;
  readonly webhook: WebhookRequest;
  /** Empty = all. */
  readonly events: readonly WebhookEvent[];
  /** Null = of all sessions. */
  readonly sessionId: string | null;
}

export interface CreatedEndpoint {
  readonly endpoint: WebhookEndpoint;
  /** Set when this call made the signing secret, which nobody gets to see again. */
  readonly newSecret: string | null;
}

/** Makes an endpoint of the tenant, with a signing secret unless it brings or names one. Throws ENDPOINT_LIMIT_REACHED and as prepareWebhook does. Needs scope admin. */
export const createWebhookEndpoint = async (
  context: ActionContext,
  principal: Principal,
  { name, webhook, events, sessionId }: NewEndpoint,
): Promise<CreatedEndpoint> => {
  requireScope(principal, 'admin');
  const { tenantId } = principal;
  const newSecret = webhook.signingSecret || webhook.secretRef ? null : generateSigningSecret();
  const request = newSecret === null ? webhook : { ...webhook, signingSecret: newSecret };
  const config = await prepareWebhook(context, tenantId, request);
  if ((await listEndpoints(context.db, tenantId)).length >= MOST_ENDPOINTS) {
    throw new KaziError('ENDPOINT_LIMIT_REACHED', { limit: MOST_ENDPOINTS });
  }
  await context.directory.ensureOwner(tenantId, null);
  const id = randomUUID();
  const endpoint = await insertEndpoint(context.db, { tenantId, id }, { name, config, events, sessionId });
  context.log.info({ tenant: tenantId, endpoint: id }, 'webhook endpoint created');
  return { endpoint, newSecret };
};
