import type { AccountKind, LimitValue } from '../core/account.ts';
import type { Database, Queryable } from './database.ts';

/** What a tenant, a session or an API key may spend, and has. Null limits are those of the next wider default. */
export interface Account {
  readonly kind: AccountKind;
  /** Empty for the tenant itself and for the default of its sessions. */
  readonly id: string;
  readonly maxRequests: LimitValue | null;
  readonly maxCostMicros: LimitValue | null;
  /** Counted for sessions only. */
  readonly requests: number;
  readonly spentMicros: number;
  readonly heldMicros: number;
}

interface AccountRow {
  kind: AccountKind;
  id: string;
  max_requests: number | null;
  max_cost_micros: number | null;
  requests: number;
  spent_micros: number;
  held_micros: number;
}

/** The largest values of their columns stand for "no limit" (migration 0008). As text: the second is no exact number here. */
const MOST_REQUESTS = 2_147_483_647;
const MOST_MICROS = '9223372036854775807';

const toAccount = (row: AccountRow): Account => ({
  kind: row.kind,
  id: row.id,
  maxRequests: row.max_requests === MOST_REQUESTS ? 'unlimited' : row.max_requests,
  maxCostMicros: row.max_cost_micros === Number(MOST_MICROS) ? 'unlimited' : row.max_cost_micros,
  requests: row.requests,
  spentMicros: row.spent_micros,
  heldMicros: row.held_micros,
});

/** Which account of a tenant is meant. */
export interface AccountName {
  readonly tenantId: string;
  readonly kind: AccountKind;
  readonly id: string;
}

/** The account; one without limits that has used nothing when there is none yet. */
export const getAccount = async (db: Queryable, { tenantId, kind, id }: AccountName): Promise<Account> => {
  const [row] = await db.query<AccountRow>('accounts/get', [tenantId, kind, id]);
  return toAccount(
    row ?? { kind, id, max_requests: null, max_cost_micros: null, requests: 0, spent_micros: 0, held_micros: 0 },
  );
};

/** Accounts of sessions and API keys that have a limit or have used something, by kind and id. */
export const listAccounts = async (
  db: Queryable,
  page: {
    readonly tenantId: string;
    readonly kinds: readonly AccountKind[];
    readonly after: { readonly kind: string; readonly id: string } | null;
    readonly limit: number;
  },
): Promise<Account[]> => {
  const { tenantId, kinds, after, limit } = page;
  const parameters = [tenantId, kinds, after?.kind ?? null, after?.id ?? null, limit];
  return (await db.query<AccountRow>('accounts/list', parameters)).map(toAccount);
};

/** Limits to be set; undefined leaves one as it is, null gives it back to the default. */
export interface AccountLimits {
  readonly maxRequests?: LimitValue | null | undefined;
  readonly maxCostMicros?: LimitValue | null | undefined;
}

/** Sets limits, under the mutex of all spending of the tenant, which must be known. */
export const setAccountLimits = async (db: Database, name: AccountName, limits: AccountLimits): Promise<Account> =>
  await db.transaction(async (tx) => {
    const { tenantId, kind, id } = name;
    const { maxRequests, maxCostMicros } = limits;
    await tx.query('accounts/open', [tenantId, kind === 'session' ? id : null, kind === 'api_key' ? id : null]);
    const [row] = await tx.query<AccountRow>('accounts/set-limits', [
      tenantId,
      kind,
      id,
      maxCostMicros !== undefined,
      maxCostMicros === 'unlimited' ? MOST_MICROS : (maxCostMicros ?? null),
      maxRequests !== undefined,
      maxRequests === 'unlimited' ? MOST_REQUESTS : (maxRequests ?? null),
    ]);
    if (!row) throw new Error('setting the limits of an account returned no row');
    return toAccount(row);
  });

/** True for the id of an API key that the tenant has, or had. */
export const hasApiKey = async (db: Queryable, tenantId: string, id: string): Promise<boolean> =>
  (await db.query('accounts/find-key', [tenantId, id])).length > 0;
