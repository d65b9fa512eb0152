import { KaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import { requireScope } from '../core/scope.ts';
import { deleteEndpoint } from '../storage/webhook-endpoints.ts';
import type { ActionContext } from './context.ts';

/** Deletes an endpoint with its secrets; its log stays. Throws ENDPOINT_NOT_FOUND. Needs scope admin. */
export const deleteWebhookEndpoint = async (
  context: ActionContext,
  principal: Principal,
  id: string,
): Promise<void> => {
  requireScope(principal, 'admin');
  const { tenantId } = principal;
  if (!(await deleteEndpoint(context.db, { tenantId, id }))) throw new KaziError('ENDPOINT_NOT_FOUND');
  context.log.info({ tenant: tenantId, endpoint: id }, 'webhook endpoint deleted');
};
