import { KaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import { insertTestDelivery } from '../storage/webhook-endpoints.ts';
import type { LoggedDelivery } from '../storage/webhook-log.ts';
import type { ActionContext } from './context.ts';
import { readDelivery } from './read-deliveries.ts';
import { readWebhookEndpoint } from './read-webhook-endpoints.ts';

/** Sends an event `webhook.test` to an endpoint, whatever it listens to. Throws ENDPOINT_NOT_FOUND, ENDPOINT_DISABLED. Needs scope admin. */
export const sendTestWebhook = async (
  context: ActionContext,
  principal: Principal,
  endpointId: string,
): Promise<LoggedDelivery> => {
  const endpoint = await readWebhookEndpoint(context, principal, endpointId);
  if (endpoint.disabledReason !== null) throw new KaziError('ENDPOINT_DISABLED', { reason: endpoint.disabledReason });
  const { tenantId } = principal;
  const body = { event: 'webhook.test', endpoint: { endpoint_id: endpointId, name: endpoint.name } };
  const id = await insertTestDelivery(context.db, { tenantId, id: endpointId }, body);
  if (id === undefined) throw new KaziError('ENDPOINT_NOT_FOUND');
  context.notifications.publish('deliveries', id);
  return (await readDelivery(context, principal, id)).delivery;
};
