import type { Queryable } from './database.ts';

export interface RequestCount {
  /** Requests of the window, this one included. */
  readonly requests: number;
  /** Time until the window ends, by the database's clock. */
  readonly endsInMs: number;
}

/** Counts a request of a 16-byte key; a window of that length begins with the first one. */
export const addRequest = async (db: Queryable, key: Buffer, windowMs: number): Promise<RequestCount> => {
  const [row] = await db.query<{ requests: number; ends_in_ms: number }>('request-counts/add', [key, windowMs]);
  if (!row) throw new Error('counting a request returned no row');
  return { requests: row.requests, endsInMs: row.ends_in_ms };
};

/** Forgets windows that have ended, at most `limit` of them. */
export const pruneRequestCounts = async (db: Queryable, limit: number): Promise<void> => {
  await db.query('request-counts/prune', [limit]);
};
