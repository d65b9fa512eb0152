import type { Batch, BatchStatus } from '../core/batch.ts';
import type { JobLimits } from '../core/budget.ts';
import type { StoredWebhook } from '../core/webhook.ts';
import type { Database, Queryable } from './database.ts';
import { toDatabaseJson } from './json.ts';
import type { Stretch } from './profiles.ts';

/** A batch on its way in. Its items come apart, as JSON texts of arrays (see add_batch_items in migration 0034). */
export interface NewBatch {
  readonly id: string;
  readonly tenantId: string;
  readonly userId: string | null;
  readonly total: number;
  /** Where its end is told; null = nowhere. */
  readonly callback: StoredWebhook | null;
  /** Decimal text of a signed 64-bit number. */
  readonly requestHash: string;
  readonly sessionNums: readonly number[];
  readonly priority: number;
  /** Of each item that can spend. */
  readonly budget: ItemBudget;
  readonly idempotency: { readonly scope: Buffer; readonly requestHash: Buffer; readonly response: string } | null;
  /** How long the answer to a key is kept. */
  readonly keepMs: number;
  /** Set for an SDK's own retry: up to this age a batch of the same request answers. */
  readonly retryWindowMs: number | null;
}

/** What each item that spends is held to. */
export interface ItemBudget {
  readonly limits: Omit<JobLimits, 'maxModelCalls' | 'maxSteps'>;
  readonly apiKeyId: string | null;
  readonly sessionMaxCostMicros: number | null;
  readonly tenantMaxCostMicros: number | null;
}

/** `replay`: an earlier request has made it; its id where no kept answer tells. `missing`: sessions whose profile went. */
export type StoredBatch =
  | { readonly kind: 'stored'; readonly createdAt: Date }
  | { readonly kind: 'replay'; readonly batchId: string | null }
  | { readonly kind: 'missing'; readonly sessionNums: readonly number[] };

interface Begun {
  batch_num: number | null;
  batch_id: string | null;
  created_at: Date | null;
  replay: boolean;
  missing: number[] | null;
}

/** Stores a batch with all its items in one transaction. Chunks are taken one by one, so that only one need be in memory. */
export const storeBatch = async (db: Database, batch: NewBatch, chunks: Iterable<string>): Promise<StoredBatch> =>
  await db.transaction(async (tx) => {
    const { idempotency } = batch;
    const [begun] = await tx.query<Begun>('batches/begin', [
      toDatabaseJson(toBatchRow(batch)),
      batch.sessionNums,
      idempotency?.scope ?? null,
      idempotency?.requestHash ?? null,
      idempotency?.response ?? null,
      batch.keepMs,
      batch.retryWindowMs,
    ]);
    if (begun?.missing) return { kind: 'missing', sessionNums: begun.missing };
    if (!begun || begun.replay) return { kind: 'replay', batchId: begun?.batch_id ?? null };
    if (batch.callback !== null)
      await tx.query('batches/set-callback', [begun.batch_num, toDatabaseJson(batch.callback)]);
    const budget = toDatabaseJson(toBudgetRow(batch.budget));
    for (const chunk of chunks) await tx.query('batches/add-items', [begun.batch_num, batch.priority, budget, chunk]);
    if (!begun.created_at) throw new Error('beginning a batch returned no time');
    return { kind: 'stored', createdAt: begun.created_at };
  });

const toBatchRow = (batch: NewBatch): Record<string, unknown> => ({
  id: batch.id,
  tenant_id: batch.tenantId,
  user_id: batch.userId,
  total: batch.total,
  callback_url: batch.callback?.url ?? null,
  request_hash: batch.requestHash,
});

const toBudgetRow = ({ limits, ...budget }: ItemBudget): Record<string, unknown> => ({
  level: limits.level,
  max_cost_micros: limits.maxCostMicros,
  max_run_ms: limits.maxRunMs,
  api_key_id: budget.apiKeyId,
  session_max_cost_micros: budget.sessionMaxCostMicros,
  tenant_max_cost_micros: budget.tenantMaxCostMicros,
});

/** The lane of a tenant's batches, whose cap is a share of the tenant's. */
export const ensureBatchLane = async (
  db: Queryable,
  lane: { readonly tenantId: string; readonly tenantCap: number; readonly share: number },
): Promise<number> => {
  const [row] = await db.query<{ id: number }>('batches/ensure-lane', [
    lane.tenantId,
    LANE,
    lane.tenantCap,
    lane.share,
  ]);
  if (!row) throw new Error('ensuring the lane of batches returned no row');
  return row.id;
};

/** No agent can have this name. */
const LANE = '(batches)';

interface BatchRow {
  num: number;
  id: string;
  tenant_id: string;
  user_id: string | null;
  status: BatchStatus;
  total: number;
  succeeded: number;
  failed: number;
  cancelled: number;
  callback_url: string | null;
  created_at: Date;
  updated_at: Date;
  completed_at: Date | null;
  first_output_at: Date | null;
  called_at: Date | null;
  call_status: number | null;
  call_error: string | null;
}

const toBatch = (row: BatchRow): Batch => ({
  num: row.num,
  id: row.id,
  tenantId: row.tenant_id,
  userId: row.user_id,
  status: row.status,
  counts: {
    total: row.total,
    succeeded: Number(row.succeeded),
    failed: Number(row.failed),
    cancelled: Number(row.cancelled),
  },
  callbackUrl: row.callback_url,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
  completedAt: row.completed_at,
  firstOutputAt: row.first_output_at,
  callback: row.called_at && { sentAt: row.called_at, status: row.call_status, error: describeCall(row) },
});

/** A receiver's own words are in the log of deliveries; here stands its status. */
const describeCall = ({ call_status: status, call_error: error }: BatchRow): string | null => {
  if (error === null) return null;
  return status === null ? error : `HTTP ${status}`;
};

/** The batch with that id, of any tenant: the caller checks who may read it. */
export const getBatch = async (db: Queryable, id: string): Promise<Batch | undefined> => {
  const [row] = await db.query<BatchRow>('batches/get', [id]);
  return row && toBatch(row);
};

/** True when all sessions of the batch are among these. */
export const isBatchWithin = async (db: Queryable, num: number, sessionIds: readonly string[]): Promise<boolean> => {
  const [row] = await db.query<{ within: boolean }>('batches/is-within', [num, sessionIds]);
  return row?.within ?? false;
};

/** Batches of a tenant in the order in which they were made. */
export const listBatches = async (
  db: Queryable,
  owner: {
    readonly tenantId: string;
    readonly userId: string | null | undefined;
    readonly sessionIds: readonly string[] | null;
  },
  stretch: Stretch,
): Promise<Batch[]> => {
  const rows = await db.query<BatchRow>('batches/list', [
    owner.tenantId,
    owner.userId ?? null,
    owner.userId === null,
    owner.sessionIds,
    stretch.above,
    stretch.below,
    stretch.isNewestFirst,
    stretch.limit,
  ]);
  return rows.map(toBatch);
};
