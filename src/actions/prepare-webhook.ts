import { KaziError } from '../core/errors.ts';
import { isSecretName } from '../core/secret-name.ts';
import { checkWebhook, type StoredWebhook, storeWebhook, type WebhookRequest } from '../core/webhook.ts';
import { hasSecret } from '../storage/secrets.ts';
import type { ActionContext } from './context.ts';

const SHOWN_CHARACTERS = 128;

/**
 * The form of a webhook to keep. Throws WEBHOOK_URL_REFUSED, WEBHOOK_HEADER_REFUSED or UNKNOWN_SECRET_REF. The address is
 * judged again at each attempt: a name may mean another host by then.
 */
export const prepareWebhook = async (
  context: ActionContext,
  tenantId: string,
  request: WebhookRequest,
): Promise<StoredWebhook> => {
  checkWebhook(request);
  const reason = await context.webhookRefusal(request.url);
  if (reason !== null) throw new KaziError('WEBHOOK_URL_REFUSED', { reason });
  const name = request.secretRef || null;
  if (name !== null && !(isSecretName(name) && (await hasSecret(context.db, { tenantId, name })))) {
    throw new KaziError('UNKNOWN_SECRET_REF', { name: name.slice(0, SHOWN_CHARACTERS) });
  }
  return storeWebhook(context.keyring, tenantId, request);
};
