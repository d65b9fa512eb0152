import { KaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import { requireScope } from '../core/scope.ts';
import { type ApiKey, revokeApiKey } from '../storage/api-keys.ts';
import type { ActionContext } from './context.ts';

/** Revokes a key of the tenant for good; other nodes refuse it within a second. Throws API_KEY_NOT_FOUND. Needs scope admin. */
export const revokeTenantApiKey = async (context: ActionContext, principal: Principal, id: string): Promise<ApiKey> => {
  requireScope(principal, 'admin');
  const apiKey = await revokeApiKey(context.db, principal.tenantId, id);
  if (!apiKey) throw new KaziError('API_KEY_NOT_FOUND');
  context.notifications.publish('keys', id);
  context.log.info({ key: id }, 'API key revoked');
  return apiKey;
};
