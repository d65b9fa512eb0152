import { KaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import { requireScope } from '../core/scope.ts';
import { type Account, type AccountLimits, setAccountLimits } from '../storage/accounts.ts';
import type { ActionContext } from './context.ts';
import { type Budget, readBudget } from './list-budgets.ts';

/**
 * Sets limits for what comes from now on; work that runs meets them at its next model call. Throws INVALID_REQUEST for a
 * request limit where requests are not counted, and as readBudget does. Needs scope admin.
 */
export const setBudget = async (
  context: ActionContext,
  principal: Principal,
  { kind, id, ...limits }: Pick<Account, 'kind' | 'id'> & AccountLimits,
): Promise<Budget> => {
  requireScope(principal, 'admin');
  if (limits.maxRequests !== undefined && (kind === 'tenant' || kind === 'api_key')) {
    const message = `Invalid budget: found max_requests for the kind "${kind}", expected max_cost_usd alone; requests are counted for sessions.`;
    throw new KaziError('INVALID_REQUEST', { message });
  }
  const { tenantId } = principal;
  // Also finds out whether there is such a key.
  const before = await readBudget(context, principal, { kind, id });
  await context.directory.ensureOwner(tenantId, null);
  const account = await setAccountLimits(context.db, { tenantId, kind, id }, limits);
  const { maxRequests, maxCostMicros } = account;
  context.log.info({ tenant: tenantId, kind, id, maxRequests, maxCostMicros }, 'budget set');
  return { ...before, account };
};
