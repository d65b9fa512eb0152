import type { Agent } from '../core/agent.ts';
import { formatDollars, jobLimits } from '../core/budget.ts';
import { KaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import { type Refusal, admitJob as storeAdmission } from '../storage/budgets.ts';
import type { Queryable } from '../storage/database.ts';
import type { ActionContext } from './context.ts';
import type { NewJob } from './new-job.ts';

/** Micro-dollars that one character of input is taken for before a model was called: 0.002 USD per 1,000 (jobs API, 9.4). */
const ESTIMATE_PER_CHARACTER = 2;

/** A job before it is accepted. */
export interface Admission {
  readonly jobId: string;
  readonly sessionId: string;
  readonly agent: Agent;
  readonly job: Pick<NewJob, 'question' | 'budget' | 'origin'>;
}

/**
 * Counts a job in the budgets of its session, API key and tenant before it is accepted; false when it can spend nothing and names no budget.
 * Throws REQUEST_BUDGET_EXCEEDED, COST_BUDGET_EXCEEDED, API_KEY_LIMIT_REACHED or TENANT_LIMIT_REACHED.
 */
export const admitJob = async (
  context: { readonly db: Queryable } & Pick<ActionContext, 'budgets'>,
  principal: Principal,
  { jobId, sessionId, agent, job }: Admission,
): Promise<boolean> => {
  const parentJobId = job.origin?.parentJobId ?? null;
  const callsModels = agent.runtime === 'llm';
  if (!callsModels && parentJobId === null && job.budget === undefined) return false;
  const estimateMicros = callsModels ? job.question.length * ESTIMATE_PER_CHARACTER : 0;
  // What a job spawns has a session of its own, and is bounded by the job's budget.
  const isOfSession = parentJobId === null;
  const { sessionMaxRequests, sessionMaxCostMicros, tenantMaxCostMicros } = context.budgets;
  const refusal = await storeAdmission(context.db, {
    jobId,
    tenantId: principal.tenantId,
    sessionId,
    userId: principal.userId,
    apiKeyId: job.origin ? job.origin.apiKeyId : principal.kind === 'api_key' ? principal.credentialId : null,
    parentJobId,
    limits: jobLimits(agent.limits, job.budget ?? null),
    estimateMicros,
    sessionMaxRequests: isOfSession ? sessionMaxRequests : null,
    sessionMaxCostMicros: isOfSession ? sessionMaxCostMicros : null,
    tenantMaxCostMicros,
    isCounted: isOfSession && callsModels,
  });
  if (refusal) throw toError(refusal, estimateMicros);
  return true;
};

const toError = (refusal: Refusal, estimateMicros: number): KaziError => {
  const { limit } = refusal;
  switch (refusal.scope) {
    case 'tenant':
      return new KaziError('TENANT_LIMIT_REACHED', { limit: formatDollars(limit) });
    case 'api_key':
      return new KaziError('API_KEY_LIMIT_REACHED', { limit: formatDollars(limit) });
    case 'job':
      return new KaziError('JOB_LIMIT_REACHED', { limit: formatDollars(limit) });
    case 'session': {
      const details = {
        request_count: refusal.requests,
        max_requests: refusal.maxRequests,
        estimated_cost_usd: refusal.costMicros / 1_000_000,
        max_estimated_cost_usd: refusal.maxCostMicros === null ? null : refusal.maxCostMicros / 1_000_000,
      };
      return refusal.measure === 'requests'
        ? new KaziError('REQUEST_BUDGET_EXCEEDED', { limit, ...details, requested_increment: 1 })
        : new KaziError('COST_BUDGET_EXCEEDED', {
            limit: formatDollars(limit),
            ...details,
            estimated_cost_increment_usd: estimateMicros / 1_000_000,
          });
    }
  }
};
