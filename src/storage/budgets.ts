import type { BudgetLevel, JobLimits, ReachedLimit } from '../core/budget.ts';
import type { Queryable } from './database.ts';
import { toDatabaseJson } from './json.ts';

/** What a job is admitted with. Amounts are micro-dollars; null = no limit. */
export interface NewJobBudget {
  readonly jobId: string;
  readonly tenantId: string;
  readonly sessionId: string;
  readonly userId: string | null;
  /** Null for work that no API key handed in. */
  readonly apiKeyId: string | null;
  readonly parentJobId: string | null;
  readonly limits: JobLimits;
  readonly estimateMicros: number;
  /** What the operator allows a session, and a tenant, that has no limit of its own. */
  readonly sessionMaxRequests: number | null;
  readonly sessionMaxCostMicros: number | null;
  readonly tenantMaxCostMicros: number | null;
  /** True when it takes one of its session's requests. */
  readonly isCounted: boolean;
}

/** The limit that keeps a job out, with what its session has used, for the answer's details. */
export interface Refusal extends ReachedLimit {
  readonly requests: number;
  readonly maxRequests: number | null;
  readonly costMicros: number;
  readonly maxCostMicros: number | null;
}

/** Counts a job in before it is accepted; undefined when it is admitted, now or earlier. The tenant must be known. */
export const admitJob = async (db: Queryable, budget: NewJobBudget): Promise<Refusal | undefined> => {
  const { limits } = budget;
  const row = {
    job_id: budget.jobId,
    tenant_id: budget.tenantId,
    session_id: budget.sessionId,
    user_id: budget.userId,
    api_key_id: budget.apiKeyId,
    parent_job: budget.parentJobId,
    level: limits.level,
    max_model_calls: limits.maxModelCalls,
    max_cost_micros: limits.maxCostMicros,
    max_run_ms: limits.maxRunMs,
    session_max_cost_micros: budget.sessionMaxCostMicros,
    tenant_max_cost_micros: budget.tenantMaxCostMicros,
  };
  const [refused] = await db.query<{
    scope: Refusal['scope'];
    measure: 'cost' | 'requests';
    limit_value: number;
    used_value: number;
    requests: number;
    max_requests: number | null;
    cost_micros: number;
    max_cost_micros: number | null;
  }>('budgets/admit', [toDatabaseJson(row), budget.estimateMicros, budget.sessionMaxRequests, budget.isCounted]);
  return (
    refused && {
      scope: refused.scope,
      measure: refused.measure,
      limit: refused.limit_value,
      used: refused.used_value,
      requests: refused.requests,
      maxRequests: refused.max_requests,
      costMicros: refused.cost_micros,
      maxCostMicros: refused.max_cost_micros,
    }
  );
};

/** Holds what it can between least and wanted for the job's next model call; the limit in the way when there is no room. */
export const holdSpend = async (
  db: Queryable,
  hold: { readonly jobId: string; readonly wantedMicros: number; readonly leastMicros: number },
): Promise<{ readonly heldMicros: number } | { readonly reached: ReachedLimit }> => {
  const [row] = await db.query<{
    held_micros: number | null;
    scope: ReachedLimit['scope'];
    limit_micros: number;
    used_micros: number;
  }>('budgets/hold', [hold.jobId, hold.wantedMicros, hold.leastMicros]);
  if (!row) throw new Error('holding money returned no row');
  if (row.held_micros !== null) return { heldMicros: row.held_micros };
  return { reached: { scope: row.scope, measure: 'cost', limit: row.limit_micros, used: row.used_micros } };
};

/** A job's limits and its place among those that spawned it. */
export interface JobBudget {
  readonly limits: JobLimits;
  readonly parentJobId: string | null;
  readonly rootJobId: string;
  readonly depth: number;
  readonly apiKeyId: string | null;
  /** With all that it spawned. */
  readonly spentMicros: number;
  readonly modelCalls: number;
}

/** Undefined for a job that was admitted to none. */
export const getJobBudget = async (db: Queryable, jobId: string): Promise<JobBudget | undefined> => {
  const [row] = await db.query<{
    level: BudgetLevel;
    max_model_calls: number | null;
    max_cost_micros: number | null;
    max_run_ms: number | null;
    max_steps: number | null;
    parent_job: string | null;
    root_job: string;
    depth: number;
    api_key_id: string | null;
    spent_micros: number;
    model_calls: number;
  }>('budgets/get', [jobId]);
  return (
    row && {
      limits: {
        level: row.level,
        maxModelCalls: row.max_model_calls,
        maxCostMicros: row.max_cost_micros,
        maxRunMs: row.max_run_ms,
        maxSteps: row.max_steps,
      },
      parentJobId: row.parent_job,
      rootJobId: row.root_job,
      depth: row.depth,
      apiKeyId: row.api_key_id,
      spentMicros: row.spent_micros,
      modelCalls: row.model_calls,
    }
  );
};

/** Ids of the jobs that a job spawned, oldest first. */
export const listChildJobs = async (db: Queryable, jobId: string): Promise<string[]> =>
  (await db.query<{ job_id: string }>('budgets/list-children', [jobId])).map((row) => row.job_id);

/** Gives back what jobs hold that ended, or never began. */
export const closeBudgets = async (db: Queryable, jobIds: readonly string[]): Promise<void> => {
  await db.query('budgets/close', [jobIds]);
};

/** Jobs that were admitted so long ago and never accepted: their client was told nothing, or that it failed. */
export const listOrphanBudgets = async (
  db: Queryable,
  options: { readonly minAgeMs: number; readonly limit: number },
): Promise<string[]> =>
  (await db.query<{ job_id: string }>('budgets/list-orphans', [options.minAgeMs, options.limit])).map(
    (row) => row.job_id,
  );
