import type { Queryable } from './database.ts';

/** One value that is stored sealed, wherever it is. */
export interface SealedValue {
  readonly kind: string;
  readonly tenantId: string;
  /** Name or id of what it belongs to. */
  readonly key: string;
  readonly sealed: string;
}

/** Values that do not begin with the prefix: other keys than the current one have sealed them. */
export const listForeignSealedValues = async (db: Queryable, prefix: string, limit: number): Promise<SealedValue[]> => {
  const rows = await db.query<{ kind: string; tenant_id: string; key: string; sealed: string }>('sealed-values/list', [
    prefix,
    limit,
  ]);
  return rows.map((row) => ({ kind: row.kind, tenantId: row.tenant_id, key: row.key, sealed: row.sealed }));
};

/** Does nothing when the value has changed meanwhile. */
export const replaceSealedValue = async (db: Queryable, value: SealedValue, sealed: string): Promise<void> => {
  await db.query('sealed-values/replace', [value.kind, value.tenantId, value.key, value.sealed, sealed]);
};
