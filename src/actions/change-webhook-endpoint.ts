import { KaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import { sealText } from '../core/sealed-text.ts';
import { generateSigningSecret } from '../core/signing-secret.ts';
import { openWebhook, type WebhookRequest } from '../core/webhook.ts';
import type { WebhookEvent } from '../core/webhook-delivery.ts';
import { disableEndpoint } from '../storage/webhook-deliveries.ts';
import { type EndpointChange, updateEndpoint, type WebhookEndpoint } from '../storage/webhook-endpoints.ts';
import type { ActionContext } from './context.ts';
import type { CreatedEndpoint } from './create-webhook-endpoint.ts';
import { prepareWebhook } from './prepare-webhook.ts';
import { readWebhookEndpoint } from './read-webhook-endpoints.ts';

/** What changes; absent fields stay as they are. */
export interface WebhookEndpointChange {
  readonly name?: string | undefined;
  readonly events?: readonly WebhookEvent[] | undefined;
  readonly webhook: Partial<Omit<WebhookRequest, 'signingSecret'>>;
  readonly isEnabled?: boolean | undefined;
}

/** Changes an endpoint. One that is put into use again begins without failures. Throws ENDPOINT_NOT_FOUND and as prepareWebhook does. Needs scope admin. */
export const changeWebhookEndpoint = async (
  context: ActionContext,
  principal: Principal,
  { id, ...change }: WebhookEndpointChange & { readonly id: string },
): Promise<WebhookEndpoint> => {
  const endpoint = await readWebhookEndpoint(context, principal, id);
  const changesWebhook = Object.values(change.webhook).some((value) => value !== undefined);
  const config = changesWebhook
    ? await prepareWebhook(context, principal.tenantId, merge(context, principal, endpoint, change.webhook))
    : undefined;
  if (change.isEnabled === false) await disableEndpoint(context.db, id, 'an admin switched it off');
  const { name, events } = change;
  return await store(context, principal, id, { name, events, config, isEnabled: change.isEnabled || undefined });
};

/** Gives an endpoint a new signing secret; the one before signs beside it for a while. Throws ENDPOINT_NOT_FOUND. Needs scope admin. */
export const rotateEndpointSecret = async (
  context: ActionContext,
  principal: Principal,
  rotation: { readonly id: string; readonly signingSecret: string | null; readonly keepPreviousMs: number },
): Promise<CreatedEndpoint> => {
  const { tenantId } = principal;
  const endpoint = await readWebhookEndpoint(context, principal, rotation.id);
  const { signingSecret: before } = openWebhook(context.keyring, tenantId, endpoint.config);
  const newSecret = rotation.signingSecret === null ? generateSigningSecret() : null;
  const request = merge(context, principal, endpoint, {});
  const signingSecret = newSecret ?? rotation.signingSecret;
  const config = await prepareWebhook(context, tenantId, { ...request, signingSecret });
  const previous = {
    sealed: before === null ? null : sealText(context.keyring, before, tenantId),
    keepMs: rotation.keepPreviousMs,
  };
  const rotated = await store(context, principal, rotation.id, { config, previous });
  context.log.info({ tenant: tenantId, endpoint: rotation.id }, 'signing secret rotated');
  return { endpoint: rotated, newSecret };
};

/** The endpoint's webhook as a request that asks for the same, with what changes. */
const merge = (
  context: ActionContext,
  { tenantId }: Principal,
  { config }: WebhookEndpoint,
  change: Partial<WebhookRequest>,
): WebhookRequest => {
  const { headers, signingSecret } = openWebhook(context.keyring, tenantId, config);
  const { url, secret_ref: secretRef, timeout_seconds: timeoutSeconds, max_attempts: maxAttempts } = config;
  const given = Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined));
  return { url, headers, signingSecret, secretRef, timeoutSeconds, maxAttempts, ...given };
};

const store = async (
  context: ActionContext,
  { tenantId }: Principal,
  id: string,
  change: EndpointChange,
): Promise<WebhookEndpoint> => {
  const changed = await updateEndpoint(context.db, { tenantId, id }, change);
  if (!changed) throw new KaziError('ENDPOINT_NOT_FOUND');
  return changed;
};
