import type { Agent } from '../../core/agent.ts';
import type { JobLimits } from '../../core/budget.ts';
import type { Model } from '../../models/model.ts';
import type { RunContext } from '../runtime.ts';
import type { RunClock } from './run-clock.ts';
import type { Tally } from './tally.ts';

/** What the steps of one attempt share. */
export interface RunParts {
  readonly context: RunContext;
  readonly agent: Agent;
  readonly model: Model;
  readonly limits: JobLimits;
  readonly tally: Tally;
  readonly clock: RunClock;
  /** First wait before a model call is repeated; it doubles. */
  readonly retryFirstMs: number;
}
