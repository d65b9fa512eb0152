import type { JobState } from '../core/job.ts';
import type { Run } from '../core/run.ts';
import type { Queryable } from './database.ts';
import type { Stretch } from './profiles.ts';

/** Which runs are listed. The caller has checked who may see the batch. */
export interface RunFilter {
  readonly tenantId: string;
  /** undefined = of any user; null = only of nobody. */
  readonly userId: string | null | undefined;
  /** The only sessions that the caller reaches; null = all. */
  readonly sessionIds: readonly string[] | null;
  /** Only of these sessions; null = of all. */
  readonly profileIds: readonly string[] | null;
  /** Only of this batch. */
  readonly batchNum: number | null;
  readonly states: readonly JobState[] | null;
  readonly stopReason: string | null;
}

interface RunRow {
  id: string;
  num: number;
  tenant_id: string;
  session_id: string;
  session_num: number;
  user_id: string | null;
  state: JobState;
  attempts: number;
  metadata: Record<string, unknown> | null;
  error: string | null;
  stop_reason: string | null;
  created_at: Date;
  started_at: Date | null;
  ended_at: Date | null;
  first_output_at: Date | null;
  batch_id: string | null;
  calls: number;
  cost_micros: number | null;
  unknown_cost_calls: number;
  input_tokens: number | null;
  cache_read_tokens: number | null;
  cache_write_tokens: number | null;
  output_tokens: number | null;
  reasoning_tokens: number | null;
}

const toRun = (row: RunRow): Run => ({
  jobId: row.id,
  num: row.num,
  tenantId: row.tenant_id,
  sessionId: row.session_id,
  sessionNum: row.session_num,
  userId: row.user_id,
  state: row.state,
  attempts: row.attempts,
  metadata: row.metadata,
  error: row.error,
  stopReason: row.stop_reason,
  createdAt: row.created_at,
  startedAt: row.started_at,
  endedAt: row.ended_at,
  firstOutputAt: row.first_output_at,
  batchId: row.batch_id,
  usage: {
    calls: row.calls,
    costMicros: row.unknown_cost_calls > 0 ? null : (row.cost_micros ?? 0),
    inputTokens: row.input_tokens,
    cacheReadTokens: row.cache_read_tokens,
    cacheWriteTokens: row.cache_write_tokens,
    outputTokens: row.output_tokens,
    reasoningTokens: row.reasoning_tokens,
  },
});

/** Runs in the order in which they were handed in. */
export const listRuns = async (db: Queryable, filter: RunFilter, stretch: Stretch): Promise<Run[]> => {
  const shared = [
    filter.userId ?? null,
    filter.userId === null,
    filter.states,
    filter.stopReason,
    stretch.above,
    stretch.below,
    stretch.isNewestFirst,
    stretch.limit,
  ];
  const keys = await listKeys(db, filter, shared);
  const runs = await loadRuns(
    db,
    keys.map(({ id }) => id),
  );
  return keys.flatMap(({ id }) => runs.get(id) ?? []);
};

type Key = { readonly id: string };

const listKeys = async (db: Queryable, filter: RunFilter, shared: readonly unknown[]): Promise<Key[]> => {
  if (filter.batchNum !== null) return await db.query<Key>('runs/keys-batch', [filter.batchNum, ...shared]);
  if (filter.profileIds !== null) {
    const ids = filter.profileIds.filter((id) => filter.sessionIds?.includes(id) ?? true);
    return await db.query<Key>('runs/keys-sessions', [filter.tenantId, ids, ...shared]);
  }
  return await db.query<Key>('runs/keys-tenant', [filter.tenantId, filter.sessionIds, ...shared]);
};

const loadRuns = async (db: Queryable, jobIds: readonly string[]): Promise<ReadonlyMap<string, Run>> => {
  const rows = await db.query<RunRow>('runs/load', [jobIds]);
  return new Map(rows.map((row) => [row.id, toRun(row)]));
};

/** The run of that job, of any tenant: the caller checks who may read it. Undefined where its session has no profile. */
export const getRun = async (db: Queryable, jobId: string): Promise<Run | undefined> =>
  (await loadRuns(db, [jobId])).get(jobId);
