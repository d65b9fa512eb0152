import type { Scope } from '../core/scope.ts';
import type { Queryable } from './database.ts';

/** A key as it may be shown: never the key itself, nor its hash. */
export interface ApiKey {
  readonly id: string;
  readonly tenantId: string;
  readonly userId: string;
  readonly name: string;
  /** The first characters, so that people can tell keys apart. */
  readonly hint: string;
  readonly scopes: readonly Scope[];
  readonly createdAt: Date;
  readonly expiresAt: Date | null;
  readonly lastUsedAt: Date | null;
  readonly revokedAt: Date | null;
}

interface ApiKeyRow {
  id: string;
  tenant_id: string;
  user_id: string;
  name: string;
  hint: string;
  scopes: Scope[];
  created_at: Date;
  expires_at: Date | null;
  last_used_at: Date | null;
  revoked_at: Date | null;
}

const toApiKey = (row: ApiKeyRow): ApiKey => ({
  id: row.id,
  tenantId: row.tenant_id,
  userId: row.user_id,
  name: row.name,
  hint: row.hint,
  scopes: row.scopes,
  createdAt: row.created_at,
  expiresAt: row.expires_at,
  lastUsedAt: row.last_used_at,
  revokedAt: row.revoked_at,
});

/** Who a key that still holds belongs to. */
export const findApiKey = async (
  db: Queryable,
  hash: Buffer,
): Promise<Pick<ApiKey, 'id' | 'tenantId' | 'userId' | 'scopes'> | undefined> => {
  const [row] = await db.query<Pick<ApiKeyRow, 'id' | 'tenant_id' | 'user_id' | 'scopes'>>('api-keys/find', [hash]);
  return row && { id: row.id, tenantId: row.tenant_id, userId: row.user_id, scopes: row.scopes };
};

/** Stores the hash of a key; tenant and user must be known. A hash that is stored already is left as it is. */
export const createApiKey = async (
  db: Queryable,
  key: {
    readonly tenantId: string;
    readonly userId: string;
    readonly name: string;
    readonly hash: Buffer;
    readonly hint: string;
    readonly scopes: readonly Scope[];
    readonly expiresAt: Date | null;
  },
): Promise<ApiKey> => {
  const [row] = await db.query<ApiKeyRow>('api-keys/create', [
    key.tenantId,
    key.userId,
    key.name,
    key.hash,
    key.hint,
    key.scopes,
    key.expiresAt,
  ]);
  if (!row) throw new Error('creating an API key returned no row');
  return toApiKey(row);
};

/** All keys of a tenant, revoked ones too, newest first. */
export const listApiKeys = async (db: Queryable, tenantId: string): Promise<ApiKey[]> =>
  (await db.query<ApiKeyRow>('api-keys/list', [tenantId])).map(toApiKey);

/** Revokes a key; undefined when the tenant has none with that id. */
export const revokeApiKey = async (db: Queryable, tenantId: string, id: string): Promise<ApiKey | undefined> => {
  const [row] = await db.query<ApiKeyRow>('api-keys/revoke', [tenantId, id]);
  return row && toApiKey(row);
};

/** Records that keys were used just now. */
export const touchApiKeys = async (db: Queryable, ids: readonly string[]): Promise<void> => {
  await db.query('api-keys/touch', [ids]);
};

/** Those of these keys that were revoked. */
export const listRevokedKeys = async (db: Queryable, ids: readonly string[]): Promise<string[]> =>
  (await db.query<{ id: string }>('api-keys/list-revoked', [ids])).map(({ id }) => id);
