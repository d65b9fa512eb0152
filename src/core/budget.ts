/** How much one job may take; the words of the workers API. */
export type BudgetLevel = 'low' | 'standard' | 'high' | 'unlimited';

/** Limits of one job and all that it spawns; null = none. */
export interface JobLimits {
  readonly level: BudgetLevel;
  readonly maxModelCalls: number | null;
  readonly maxCostMicros: number | null;
  readonly maxRunMs: number | null;
  /** Model calls after which the run ends well, with what it has; absent or null = as many as its budget allows. */
  readonly maxSteps?: number | null;
}

/** Workers API, section 4.1. */
export const BUDGET_LEVELS: Readonly<Record<BudgetLevel, Omit<JobLimits, 'level' | 'maxSteps'>>> = Object.freeze({
  low: { maxModelCalls: 5, maxCostMicros: 50_000, maxRunMs: 120_000 },
  standard: { maxModelCalls: 25, maxCostMicros: 500_000, maxRunMs: 900_000 },
  high: { maxModelCalls: 100, maxCostMicros: 5_000_000, maxRunMs: 3_600_000 },
  unlimited: { maxModelCalls: null, maxCostMicros: null, maxRunMs: null },
});

/** What an agent says about its jobs; null = what the level says. */
export interface LimitSettings {
  readonly budget: BudgetLevel;
  readonly maxModelCalls: number | null;
  readonly maxCostMicros: number | null;
  readonly maxRunMs: number | null;
}

/** The limits of a job: its agent's own, or, when whoever hands it in names a level, the tighter of that level's and the agent's. */
export const jobLimits = (agent: LimitSettings, level: BudgetLevel | null): JobLimits => {
  const named = BUDGET_LEVELS[level ?? agent.budget];
  const limitOf = (key: 'maxModelCalls' | 'maxCostMicros' | 'maxRunMs'): number | null => {
    const own = agent[key];
    const ofLevel = named[key];
    if (own === null) return ofLevel;
    return level === null || ofLevel === null ? own : Math.min(own, ofLevel);
  };
  return {
    level: level ?? agent.budget,
    maxModelCalls: limitOf('maxModelCalls'),
    maxCostMicros: limitOf('maxCostMicros'),
    maxRunMs: limitOf('maxRunMs'),
  };
};

/** What a spending limit stands on. `job`: a job with all that it spawned. */
export type BudgetScope = 'job' | 'session' | 'api_key' | 'tenant';

/** A limit that stands in the way of a model call or a new job. */
export interface ReachedLimit {
  readonly scope: BudgetScope;
  /** `steps`: model calls that whoever handed the job in asked for at most; reaching them is no failure. */
  readonly measure: 'cost' | 'requests' | 'model_calls' | 'steps' | 'time';
  /** Micro-dollars, calls, or milliseconds, by measure. */
  readonly limit: number;
  /** What has been used or held of it, in the same unit. */
  readonly used: number;
}

/** `0.5`, `2`, `0.03`: dollars in their shortest decimal form. */
export const formatDollars = (micros: number): string => String(micros / 1_000_000);
