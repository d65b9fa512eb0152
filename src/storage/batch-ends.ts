import type { BatchStatus } from '../core/batch.ts';
import type { Queryable } from './database.ts';

/** Ends a running batch by its client's wish; false when it had ended. */
export const cancelBatch = async (db: Queryable, num: number): Promise<boolean> => {
  const [row] = await db.query<{ cancelled: boolean | null }>('batches/cancel', [num]);
  return row?.cancelled ?? false;
};

/** An item that a client's wish has ended. */
export interface CanceledItem {
  readonly jobId: string;
  readonly sessionNum: number;
  /** True when it had been started: its node and its children have to be told. */
  readonly hasRun: boolean;
}

/** Cancels items that have not ended, at most `limit`; none when all have. Also gives the lanes that got claimable work. */
export const cancelBatchItems = async (
  db: Queryable,
  num: number,
  limit: number,
): Promise<{ readonly items: readonly CanceledItem[]; readonly lanes: readonly number[] }> => {
  const rows = await db.query<{ job_id: string; session_num: number; has_run: boolean; lanes: number[] }>(
    'batches/cancel-items',
    [num, limit],
  );
  const items = rows.map((row) => ({ jobId: row.job_id, sessionNum: row.session_num, hasRun: row.has_run }));
  return { items, lanes: rows[0]?.lanes ?? [] };
};

/** Ends batches whose items have all ended, once each over all nodes; gives those that this call ended. */
export const settleBatches = async (
  db: Queryable,
  limit: number,
): Promise<{ readonly id: string; readonly tenantId: string; readonly status: BatchStatus }[]> => {
  const rows = await db.query<{ id: string; tenant_id: string; status: BatchStatus }>('batches/settle', [limit]);
  return rows.map((row) => ({ id: row.id, tenantId: row.tenant_id, status: row.status }));
};

/** Batches with items that have not ended, oldest first. */
export const listUnsettledBatches = async (
  db: Queryable,
  limit: number,
): Promise<{ readonly num: number; readonly isCancelled: boolean }[]> => {
  const rows = await db.query<{ num: number; is_cancelled: boolean }>('batches/list-unsettled', [limit]);
  return rows.map((row) => ({ num: row.num, isCancelled: row.is_cancelled }));
};

/** Notes when batches first had something to show. */
export const noteFirstOutputs = async (db: Queryable, limit: number): Promise<void> => {
  await db.query('batches/note-output', [limit]);
};
