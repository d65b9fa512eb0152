import type { ModelRequest } from '../../models/model.ts';

/** A model call as its step wants it. */
export interface StepRequest extends Omit<ModelRequest, 'signal' | 'onDelta' | 'maxOutputTokens'> {
  readonly ordinal: number;
  /** Tokens that go in, rather too many than too few. */
  readonly inputTokens: number;
  /** Longest answer; what the agent or the model allows when absent. */
  readonly maxOutputTokens?: number;
  /** Deltas go to the log; false for calls whose answer nobody reads along. */
  readonly isStreamed: boolean;
}
