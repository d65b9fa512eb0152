import type { ModelRequestState, ProviderAnswer } from '../core/model-batch.ts';
import type { TokenUsage } from '../core/model-call.ts';
import type { Queryable } from './database.ts';
import { toDatabaseJson } from './json.ts';

/** What a job asked at a step through batches, oldest first. What its step has taken has no answer any more. */
export const listModelRequests = async (
  db: Queryable,
  jobId: string,
  ordinal: number,
): Promise<readonly ModelRequestState[]> => {
  const rows = await db.query<{
    id: string;
    name: ModelRequestState['name'];
    try: number;
    state: string;
    status: number | null;
    answer: string | null;
    created_at: Date;
  }>('model-requests/list-step', [jobId, ordinal]);
  return rows.map((row) => ({
    id: row.id,
    name: row.name,
    try: row.try,
    state: stateOf(row.state),
    answer: row.status === null || row.answer === null ? null : { status: row.status, body: row.answer },
    createdAt: row.created_at,
  }));
};

const stateOf = (state: string): ModelRequestState['state'] => {
  if (state === 'collecting' || state === 'submitted') return 'waiting';
  return state === 'expired' ? 'expired' : 'answered';
};

/** A request that nobody waits for any more. */
export interface LooseRequest {
  readonly id: string;
  /** `provider/model`. */
  readonly model: string;
  /** Null when it never got one. */
  readonly answer: ProviderAnswer | null;
}

/** Requests whose jobs have ended without taking their answers. */
export const listLooseRequests = async (db: Queryable, limit: number): Promise<readonly LooseRequest[]> => {
  const rows = await db.query<{
    id: string;
    provider: string;
    model: string;
    status: number | null;
    answer: string | null;
  }>('model-requests/list-loose', [limit]);
  return rows.map((row) => ({
    id: row.id,
    model: `${row.provider}/${row.model}`,
    answer: row.status === null || row.answer === null ? null : { status: row.status, body: row.answer },
  }));
};

/** Forgets batches that ended so many days ago, with their requests. */
export const pruneModelBatches = async (db: Queryable, days: number, limit: number): Promise<void> => {
  await db.query('model-batches/prune', [days, limit]);
};

/** Accounts for a loose request once, and lets go of it; `paid` is null for one that cost nothing. */
export const chargeLooseRequest = async (
  db: Queryable,
  id: string,
  paid: { readonly usage: TokenUsage | null; readonly costMicros: number | null } | null,
): Promise<void> => {
  const usage = paid?.usage ? toDatabaseJson(paid.usage) : null;
  await db.query('model-requests/charge', [id, paid !== null, usage, paid?.costMicros ?? null]);
};
