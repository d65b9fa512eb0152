import { KaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import { requireScope } from '../core/scope.ts';
import { getEndpoint, listEndpoints, type WebhookEndpoint } from '../storage/webhook-endpoints.ts';
import type { ActionContext } from './context.ts';

/** The endpoints of the tenant, oldest first. Needs scope admin. */
export const listWebhookEndpoints = async (
  context: ActionContext,
  principal: Principal,
): Promise<readonly WebhookEndpoint[]> => {
  requireScope(principal, 'admin');
  return await listEndpoints(context.db, principal.tenantId);
};

/** One endpoint of the tenant. Throws ENDPOINT_NOT_FOUND. Needs scope admin. */
export const readWebhookEndpoint = async (
  context: ActionContext,
  principal: Principal,
  id: string,
): Promise<WebhookEndpoint> => {
  requireScope(principal, 'admin');
  const endpoint = await getEndpoint(context.db, { tenantId: principal.tenantId, id });
  if (!endpoint) throw new KaziError('ENDPOINT_NOT_FOUND');
  return endpoint;
};
