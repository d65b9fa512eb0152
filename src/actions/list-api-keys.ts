import type { Principal } from '../core/principal.ts';
import { requireScope } from '../core/scope.ts';
import { type ApiKey, listApiKeys } from '../storage/api-keys.ts';
import type { ActionContext } from './context.ts';

/** All keys of the principal's tenant, without their secrets. Needs scope admin. */
export const listTenantApiKeys = async (context: ActionContext, principal: Principal): Promise<readonly ApiKey[]> => {
  requireScope(principal, 'admin');
  return await listApiKeys(context.db, principal.tenantId);
};
