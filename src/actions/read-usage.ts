import type { Principal } from '../core/principal.ts';
import type { UsageGroup } from '../core/usage.ts';
import { getJobBudget } from '../storage/budgets.ts';
import {
  listModelCalls,
  readUsageReport,
  type StoredModelCall,
  sumJobUsage,
  type UsageLine,
  type UsageSums,
} from '../storage/usage.ts';
import type { ActionContext } from './context.ts';
import { findJob, type JobReference } from './find-job.ts';

/** What a usage report is to cover. */
export interface UsageRequest {
  readonly from: Date;
  readonly to: Date | null;
  readonly groups: readonly UsageGroup[];
  readonly timeZone: string;
  readonly after: readonly string[] | null;
  readonly limit: number;
}

/** Sums of the model calls that the principal may know of: with scope admin all of the tenant, else its own user's and sessions'. */
export const readUsage = async (
  context: ActionContext,
  principal: Principal,
  request: UsageRequest,
): Promise<{ readonly total: UsageSums; readonly lines: readonly UsageLine[] }> =>
  await readUsageReport(context.db, {
    ...request,
    tenantId: principal.tenantId,
    userId: countedUser(principal),
    sessionIds: principal.sessionIds,
  });

/** undefined = of any user; null = only of nobody. */
const countedUser = (principal: Principal): string | null | undefined => {
  if (principal.scopes.includes('admin')) return undefined;
  if (principal.userId !== null) return principal.userId;
  return principal.isAnonymous ? null : undefined;
};

/** What one job has used. */
export interface JobUsage {
  readonly jobId: string;
  readonly parentJobId: string | null;
  readonly calls: readonly StoredModelCall[];
  readonly own: UsageSums;
  /** The job with all that it spawned. */
  readonly tree: UsageSums & { readonly jobs: number };
}

/** A page of the job's own model calls after an ordinal, and its sums. Throws as findJob does. */
export const readJobUsage = async (
  context: ActionContext,
  principal: Principal,
  request: { readonly reference: JobReference; readonly afterOrdinal: number; readonly limit: number },
): Promise<JobUsage> => {
  const { id: jobId } = await findJob(context, principal, request.reference);
  const [calls, sums, budget] = await Promise.all([
    listModelCalls(context.db, { jobId, afterOrdinal: request.afterOrdinal, limit: request.limit }),
    sumJobUsage(context.db, jobId),
    getJobBudget(context.db, jobId),
  ]);
  return { jobId, parentJobId: budget?.parentJobId ?? null, calls, ...sums };
};
