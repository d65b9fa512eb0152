import type { Schedule } from '../core/schedule/schedule.ts';
import { openWebhook, type StoredWebhook, type WebhookRequest } from '../core/webhook.ts';
import type { ActionContext } from './context.ts';
import { prepareWebhook } from './prepare-webhook.ts';

/** A webhook as its owner may see it: without the secret. */
export type WebhookView = Omit<WebhookRequest, 'signingSecret'>;

/** The form to keep; one that brings no secret keeps that of before. Throws as prepareWebhook does. */
export const keepWebhook = async (
  context: ActionContext,
  tenantId: string,
  change: { readonly wanted: WebhookRequest | null; readonly before: StoredWebhook | null },
): Promise<StoredWebhook | null> => {
  const { wanted, before } = change;
  if (wanted === null) return null;
  const kept = before && openWebhook(context.keyring, tenantId, before).signingSecret;
  return await prepareWebhook(context, tenantId, { ...wanted, signingSecret: wanted.signingSecret || kept });
};

/** The webhook of a schedule; null when it has none. */
export const showWebhook = (
  { keyring }: Pick<ActionContext, 'keyring'>,
  { webhook, tenantId }: Schedule,
): WebhookView | null => {
  if (webhook === null) return null;
  const { headers } = openWebhook(keyring, tenantId, webhook);
  return {
    url: webhook.url,
    headers: Object.keys(headers).length === 0 ? null : headers,
    secretRef: webhook.secret_ref,
    timeoutSeconds: webhook.timeout_seconds,
    maxAttempts: webhook.max_attempts,
  };
};
