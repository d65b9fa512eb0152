import { KaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import { requireScope } from '../core/scope.ts';
import { EVERYTHING } from '../storage/notifications.ts';
import { getEndpoint } from '../storage/webhook-endpoints.ts';
import { type LoggedDelivery, replayDelivery, replayFailedDeliveries } from '../storage/webhook-log.ts';
import type { ActionContext } from './context.ts';
import { readDelivery } from './read-deliveries.ts';
import { readWebhookEndpoint } from './read-webhook-endpoints.ts';

/** Rows of one transaction. */
const BATCH = 1_000;

/**
 * Sends a delivery again, whatever became of it, under its old id and with all its attempts anew; one that is on its way is
 * left alone. Throws DELIVERY_NOT_FOUND, ENDPOINT_NOT_FOUND, ENDPOINT_DISABLED. Needs scope admin.
 */
export const replayOneDelivery = async (
  context: ActionContext,
  principal: Principal,
  id: string,
): Promise<LoggedDelivery> => {
  const { delivery } = await readDelivery(context, principal, id);
  const { tenantId } = principal;
  if (delivery.endpointId !== null) {
    const endpoint = await getEndpoint(context.db, { tenantId, id: delivery.endpointId });
    if (!endpoint) throw new KaziError('ENDPOINT_NOT_FOUND');
    if (endpoint.disabledReason !== null) throw new KaziError('ENDPOINT_DISABLED', { reason: endpoint.disabledReason });
  }
  await replayDelivery(context.db, tenantId, id);
  context.notifications.publish('deliveries', id);
  return (await readDelivery(context, principal, id)).delivery;
};

/** Sends again what failed since a time, to one endpoint or to all in use; gives the number. Throws ENDPOINT_NOT_FOUND. Needs scope admin. */
export const replayFailed = async (
  context: ActionContext,
  principal: Principal,
  { since, endpointId }: { readonly since: Date; readonly endpointId: string | null },
): Promise<number> => {
  requireScope(principal, 'admin');
  if (endpointId !== null) await readWebhookEndpoint(context, principal, endpointId);
  const { tenantId } = principal;
  let replayed = 0;
  for (let batch = BATCH; batch === BATCH; replayed += batch) {
    batch = await replayFailedDeliveries(context.db, { tenantId, since, endpointId, limit: BATCH });
    if (batch > 0) context.notifications.publish('deliveries', EVERYTHING);
  }
  context.log.info({ tenant: tenantId, replayed }, 'failed deliveries replayed');
  return replayed;
};
