import type { Principal } from '../core/principal.ts';
import { requireScope } from '../core/scope.ts';
import { listSecrets, type SecretEntry } from '../storage/secrets.ts';
import type { ActionContext } from './context.ts';

/** The secrets of the tenant by name, without their values, which nobody gets back. Needs scope admin. */
export const listTenantSecrets = async (
  context: ActionContext,
  principal: Principal,
): Promise<readonly SecretEntry[]> => {
  requireScope(principal, 'admin');
  return await listSecrets(context.db, principal.tenantId);
};
