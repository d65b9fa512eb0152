import type { Queryable } from './database.ts';

/** The answer that was kept for a key. */
export interface KeptAnswer {
  readonly requestHash: Buffer;
  readonly status: number;
  /** Body of the first answer, byte for byte. */
  readonly response: string;
}

/** The kept answer of a scope (SHA-256 of tenant, user, method, path and key). */
export const getKeptAnswer = async (db: Queryable, scope: Buffer): Promise<KeptAnswer | undefined> => {
  const [row] = await db.query<{ request_hash: Buffer; status: number; response: string }>('idempotency/get', [scope]);
  return row && { requestHash: row.request_hash, status: row.status, response: row.response };
};

/** Changes the status of a kept answer. */
export const setKeptStatus = async (db: Queryable, scope: Buffer, status: number): Promise<void> => {
  await db.query('idempotency/set-status', [scope, status]);
};

/** Forgets answers that have expired, at most `limit` of them. */
export const pruneKeptAnswers = async (db: Queryable, limit: number): Promise<void> => {
  await db.query('idempotency/prune', [limit]);
};

/** Gives a kept answer its final text. */
export const replaceKeptAnswer = async (db: Queryable, scope: Buffer, response: string): Promise<void> => {
  await db.query('idempotency/replace', [scope, response]);
};

/** Keeps an answer with the work that it tells of, in one transaction; false when another request has the key. */
export const keepAnswer = async (
  tx: Queryable,
  record: {
    readonly scope: Buffer;
    readonly requestHash: Buffer;
    readonly response: string;
    readonly keepMs: number;
  },
): Promise<boolean> => {
  const rows = await tx.query('idempotency/keep', [record.scope, record.requestHash, record.response, record.keepMs]);
  return rows.length > 0;
};
