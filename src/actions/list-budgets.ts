import type { AccountKind, LimitValue } from '../core/account.ts';
import { KaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import { requireScope } from '../core/scope.ts';
import { type Account, getAccount, hasApiKey, listAccounts } from '../storage/accounts.ts';
import type { ActionContext } from './context.ts';

/** An account with the limits that hold where it has none of its own. */
export interface Budget {
  readonly account: Account;
  /** Null for kinds whose requests are not counted. */
  readonly defaultMaxRequests: LimitValue | null;
  readonly defaultMaxCostMicros: LimitValue;
}

/** One page of the budgets of a tenant. */
export interface BudgetPage {
  /** Null = all kinds. */
  readonly kind: AccountKind | null;
  /** The last one of the page before; null on the first page. */
  readonly after: Pick<Account, 'kind' | 'id'> | null;
  readonly limit: number;
}

/** Of these a tenant has one each, which is always listed, first. */
const SINGLE_KINDS = ['tenant', 'session_default'] as const;
const COUNTED_KINDS = ['api_key', 'session'] as const;

/**
 * The tenant's own budget, the default of its sessions, then its API keys and sessions that have a limit or have used
 * something. Needs scope admin.
 */
export const listBudgets = async (
  context: ActionContext,
  principal: Principal,
  { kind, after, limit }: BudgetPage,
): Promise<readonly Budget[]> => {
  requireScope(principal, 'admin');
  const { tenantId } = principal;
  const isWanted = (known: AccountKind): boolean => kind === null || kind === known;
  // 0 after one that is not of these: then they have been listed.
  const place = after === null ? 0 : SINGLE_KINDS.findIndex((known) => known === after.kind) + 1;
  const isAtSingles = after === null || place > 0;
  const singles = isAtSingles ? SINGLE_KINDS.slice(place).filter(isWanted) : [];
  const [own, accounts] = await Promise.all([
    Promise.all(singles.map((known) => getAccount(context.db, { tenantId, kind: known, id: '' }))),
    listAccounts(context.db, {
      tenantId,
      kinds: COUNTED_KINDS.filter(isWanted),
      after: isAtSingles ? null : after,
      limit,
    }),
  ]);
  const toBudget = await readDefaults(context, tenantId);
  return [...own, ...accounts].map(toBudget);
};

/** One budget, also of a session that has no job yet. Throws API_KEY_NOT_FOUND for a key of nobody, or of another tenant. Needs scope admin. */
export const readBudget = async (
  context: ActionContext,
  principal: Principal,
  { kind, id }: Pick<Account, 'kind' | 'id'>,
): Promise<Budget> => {
  requireScope(principal, 'admin');
  const { tenantId } = principal;
  if (kind === 'api_key' && !(await hasApiKey(context.db, tenantId, id))) throw new KaziError('API_KEY_NOT_FOUND');
  const account = await getAccount(context.db, { tenantId, kind, id });
  return (await readDefaults(context, tenantId))(account);
};

/** Adds the defaults in force: of a session its tenant's, then the operator's. */
const readDefaults = async (context: ActionContext, tenantId: string): Promise<(account: Account) => Budget> => {
  const { sessionMaxRequests, sessionMaxCostMicros, tenantMaxCostMicros } = context.budgets;
  const ofSessions = await getAccount(context.db, { tenantId, kind: 'session_default', id: '' });
  const operator = {
    defaultMaxRequests: sessionMaxRequests ?? 'unlimited',
    defaultMaxCostMicros: sessionMaxCostMicros ?? 'unlimited',
  } as const;
  return (account) => {
    switch (account.kind) {
      case 'tenant':
        return { account, defaultMaxRequests: null, defaultMaxCostMicros: tenantMaxCostMicros ?? 'unlimited' };
      case 'api_key':
        return { account, defaultMaxRequests: null, defaultMaxCostMicros: 'unlimited' };
      case 'session_default':
        return { account, ...operator };
      case 'session':
        return {
          account,
          defaultMaxRequests: ofSessions.maxRequests ?? operator.defaultMaxRequests,
          defaultMaxCostMicros: ofSessions.maxCostMicros ?? operator.defaultMaxCostMicros,
        };
    }
  };
};
