import type { Queryable } from './database.ts';
import { toDatabaseText } from './json.ts';

/** A secret of the vault, without its value. */
export interface SecretEntry {
  readonly name: string;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly lastUsedAt: Date | null;
  /** Until when the value before counts beside this one; null when there is none. */
  readonly previousUntil: Date | null;
}

interface SecretRow {
  name: string;
  created_at: Date;
  updated_at: Date;
  last_used_at: Date | null;
  previous_until: Date | null;
}

const toEntry = (row: SecretRow): SecretEntry => ({
  name: row.name,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
  lastUsedAt: row.last_used_at,
  previousUntil: row.previous_until,
});

/** Which secret is meant: names are of a tenant. */
export interface SecretKey {
  readonly tenantId: string;
  readonly name: string;
}

/** Stores a sealed value; the one before counts on for `keepPreviousMs`. The tenant exists. */
export const setSecret = async (
  db: Queryable,
  { tenantId, name }: SecretKey,
  value: { readonly sealed: string; readonly keepPreviousMs: number },
): Promise<SecretEntry> => {
  const [row] = await db.query<SecretRow>('secrets/set', [tenantId, name, value.sealed, value.keepPreviousMs]);
  if (!row) throw new Error(`the secret "${name}" was not stored`);
  return toEntry(row);
};

export const listSecrets = async (db: Queryable, tenantId: string): Promise<SecretEntry[]> =>
  (await db.query<SecretRow>('secrets/list', [tenantId])).map(toEntry);

/** False when there was none. */
export const deleteSecret = async (db: Queryable, { tenantId, name }: SecretKey): Promise<boolean> =>
  (await db.query('secrets/delete', [tenantId, toDatabaseText(name)])).length > 0;

export const hasSecret = async (db: Queryable, { tenantId, name }: SecretKey): Promise<boolean> =>
  (await db.query('secrets/has', [tenantId, toDatabaseText(name)])).length > 0;

/** The sealed values that count now, the newest first, noting that they were used; empty when there is no such secret. */
export const readSealedSecret = async (db: Queryable, { tenantId, name }: SecretKey): Promise<string[]> => {
  const [row] = await db.query<{ sealed: string; previous_sealed: string | null }>('secrets/use', [tenantId, name]);
  if (!row) return [];
  return row.previous_sealed === null ? [row.sealed] : [row.sealed, row.previous_sealed];
};
