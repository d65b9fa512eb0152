import type { BatchAccount } from '../core/model-batch.ts';
import type { Queryable } from './database.ts';
import { toDatabaseText } from './json.ts';

/** A batch in the hands of this node. Every write names the claim; one that was lost changes nothing. */
export interface ClaimedBatch {
  readonly id: string;
  readonly claimNum: number;
  readonly provider: string;
  readonly requests: number;
  /** Attempts that the provider refused for now. */
  readonly refusals: number;
  /** Null until it is known to be at the provider. */
  readonly providerId: string | null;
  /** When the newest attempt to hand it in began, and how long ago; null: none did that may have got there. */
  readonly attempt: { readonly at: Date; readonly agoMs: number } | null;
  /** How long it has been at the provider. */
  readonly submittedMs: number;
}

/** Makes batches of what was gathered for the accounts, and takes those that are due. */
export const claimModelBatches = async (
  db: Queryable,
  accounts: readonly BatchAccount[],
  bounds: {
    readonly nodeId: number;
    readonly windowMs: number;
    readonly mostRequests: number;
    readonly mostBytes: number;
    /** Batches that this node is at work on. */
    readonly busy: readonly string[];
    readonly limit: number;
  },
): Promise<readonly ClaimedBatch[]> => {
  const keys = [accounts.map(({ provider }) => provider), accounts.map(({ account }) => account)];
  await db.query('model-batches/form', [...keys, bounds.windowMs, bounds.mostRequests, bounds.mostBytes]);
  const rows = await db.query<{
    id: string;
    claim_num: number;
    provider: string;
    provider_id: string | null;
    requests: number;
    refusals: number;
    attempted_at: Date | null;
    attempted_ms: number | null;
    submitted_ms: number | null;
  }>('model-batches/claim', [bounds.nodeId, ...keys, bounds.busy, bounds.limit]);
  return rows.map((row) => ({
    id: row.id,
    claimNum: row.claim_num,
    provider: row.provider,
    requests: row.requests,
    refusals: row.refusals,
    providerId: row.provider_id,
    attempt: row.attempted_at === null ? null : { at: row.attempted_at, agoMs: row.attempted_ms ?? 0 },
    submittedMs: row.submitted_ms ?? 0,
  }));
};

/** What every write of a claimed batch names. */
export type BatchClaim = Pick<ClaimedBatch, 'id' | 'claimNum'>;

/** The requests of a batch, always in the same order. */
export const readBatchRequests = async (
  db: Queryable,
  batchId: string,
): Promise<readonly { readonly id: string; readonly variant: string; readonly body: string }[]> =>
  await db.query('model-batches/requests', [batchId]);

/** Which of a provider's ids belong to batches here. */
export const listKnownBatchIds = async (
  db: Queryable,
  provider: string,
  ids: readonly string[],
): Promise<ReadonlySet<string>> => {
  const rows = await db.query<{ provider_id: string }>('model-batches/known-ids', [provider, ids]);
  return new Set(rows.map((row) => row.provider_id));
};

/** Notes that a batch is about to be handed in; false when the claim was lost. */
export const beginBatchAttempt = async (db: Queryable, { id, claimNum }: BatchClaim): Promise<boolean> =>
  (await db.query('model-batches/begin-attempt', [id, claimNum])).length > 0;

/** Lets go of a batch: as `submitted` with its id at the provider, or as it was; `refused`: it is certainly not there. */
export const putOffBatch = async (
  db: Queryable,
  { id, claimNum }: BatchClaim,
  until: { readonly inMs: number; readonly submittedAs?: string; readonly isRefused?: boolean },
): Promise<void> => {
  const inMs = Math.ceil(until.inMs);
  if (until.submittedAs !== undefined) {
    await db.query('model-batches/submitted', [id, claimNum, until.submittedAs, inMs]);
  } else {
    await db.query('model-batches/put-off', [id, claimNum, inMs, until.isRefused ?? false]);
  }
};

/** Ends a batch whose requests all have their answers. */
export const endModelBatch = async (
  db: Queryable,
  { id, claimNum }: BatchClaim,
  error: string | null,
): Promise<void> => {
  await db.query('model-batches/end', [id, claimNum, error === null ? null : toDatabaseText(error)]);
};

/** Milliseconds until there is something to do for batches; null when nothing waits. */
export const nextBatchInMs = async (db: Queryable, windowMs: number): Promise<number | null> => {
  const [row] = await db.query<{ in_ms: number | null }>('model-batches/next-due', [windowMs]);
  return row?.in_ms ?? null;
};
