import { KaziError } from '../core/errors.ts';
import type { UsageGroup } from '../core/usage.ts';
import type { Queryable } from './database.ts';

/** Sums over model calls. Tokens are null when no call of the sum said how many. */
export interface UsageSums {
  readonly calls: number;
  /** Calls of models without a known price; what they cost is in no sum. */
  readonly unknownCostCalls: number;
  /** Micro-dollars of the calls whose price is known; null when there are calls, and none has one. */
  readonly costMicros: number | null;
  readonly inputTokens: number | null;
  readonly cacheReadTokens: number | null;
  readonly cacheWriteTokens: number | null;
  readonly outputTokens: number | null;
  readonly reasoningTokens: number | null;
}

/** One group of a report. */
export interface UsageLine extends UsageSums {
  /** Place in the order of the report: the value of each group, '' for what is not grouped by, and for none. */
  readonly key: readonly string[];
}

/** Which model calls are summed up, and how. */
export interface UsageFilter {
  readonly tenantId: string;
  readonly from: Date;
  /** Null = up to now. */
  readonly to: Date | null;
  /** Undefined = of any user; null = only of nobody. */
  readonly userId: string | null | undefined;
  /** Null = of any session. */
  readonly sessionIds: readonly string[] | null;
  readonly groups: readonly UsageGroup[];
  readonly timeZone: string;
  /** The last key of the page before. */
  readonly after: readonly string[] | null;
  readonly limit: number;
}

interface SumsRow {
  calls: number;
  unknown_cost_calls: number;
  cost_micros: number | null;
  input_tokens: number | null;
  cache_read_tokens: number | null;
  cache_write_tokens: number | null;
  output_tokens: number | null;
  reasoning_tokens: number | null;
}

const toSums = (row: SumsRow): UsageSums => ({
  calls: row.calls,
  unknownCostCalls: row.unknown_cost_calls,
  costMicros: row.calls === 0 ? 0 : row.cost_micros,
  inputTokens: row.input_tokens,
  cacheReadTokens: row.cache_read_tokens,
  cacheWriteTokens: row.cache_write_tokens,
  outputTokens: row.output_tokens,
  reasoningTokens: row.reasoning_tokens,
});

/** The sums of all that the filter takes, and one page of its groups. Throws INVALID_REQUEST for a time zone that PostgreSQL does not know. */
export const readUsageReport = async (
  db: Queryable,
  filter: UsageFilter,
): Promise<{ readonly total: UsageSums; readonly lines: readonly UsageLine[] }> => {
  const rows = await db
    .query<SumsRow & { key: string[] | null }>('usage/report', [
      filter.tenantId,
      filter.from,
      filter.to,
      filter.userId ?? null,
      filter.userId === null,
      filter.sessionIds,
      filter.groups,
      filter.timeZone,
      filter.after,
      filter.limit,
    ])
    .catch((error: unknown) => explainTimeZone(error, filter.timeZone));
  const [total, ...lines] = rows;
  if (!total) throw new Error('a usage report has no line of sums');
  return { total: toSums(total), lines: lines.map((row) => ({ ...toSums(row), key: row.key ?? [] })) };
};

/** PostgreSQL's code for a parameter value that it does not know; the zone is the only one here that can be. */
const INVALID_PARAMETER = '22023';

const explainTimeZone = (error: unknown, timeZone: string): never => {
  if (!(error instanceof Error && 'code' in error && error.code === INVALID_PARAMETER)) throw error;
  const message = `Invalid value for tz: found "${timeZone}", expected a time zone that the database knows, such as UTC or Europe/Paris.`;
  throw new KaziError('INVALID_REQUEST', { message }, { cause: error });
};

/** One model call of a job. */
export interface StoredModelCall {
  readonly ordinal: number;
  readonly provider: string;
  readonly model: string;
  readonly sums: UsageSums;
  readonly durationMs: number;
  readonly at: Date;
}

/** Model calls of a job after an ordinal, in their order. */
export const listModelCalls = async (
  db: Queryable,
  page: { readonly jobId: string; readonly afterOrdinal: number; readonly limit: number },
): Promise<StoredModelCall[]> => {
  const rows = await db.query<
    Omit<SumsRow, 'calls' | 'unknown_cost_calls'> & {
      ordinal: number;
      provider: string;
      model: string;
      duration_ms: number;
      at: Date;
    }
  >('usage/list-job', [page.jobId, page.afterOrdinal, page.limit]);
  return rows.map((row) => ({
    ordinal: row.ordinal,
    provider: row.provider,
    model: row.model,
    sums: toSums({ ...row, calls: 1, unknown_cost_calls: row.cost_micros === null ? 1 : 0 }),
    durationMs: row.duration_ms,
    at: row.at,
  }));
};

/** Sums of a job alone, and of the job with all that it spawned, at any depth. */
export const sumJobUsage = async (
  db: Queryable,
  jobId: string,
): Promise<{ readonly own: UsageSums; readonly tree: UsageSums & { readonly jobs: number } }> => {
  const [own, tree] = await db.query<SumsRow & { jobs: number }>('usage/sum-job', [jobId]);
  if (!own || !tree) throw new Error('summing up a job returned no row');
  return { own: toSums(own), tree: { ...toSums(tree), jobs: tree.jobs } };
};
