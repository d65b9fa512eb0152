import type { ReachedLimit } from '../../core/budget.ts';
import type { TokenUsage } from '../../core/model-call.ts';
import type { RunParts } from './run-parts.ts';
import type { StepRequest } from './step-request.ts';

/** What a call may take. */
export interface CallRoom {
  readonly maxOutputTokens: number;
  readonly heldMicros: number;
}

/** What an agent that says nothing lets one call answer; providers reserve quota by it. */
const DEFAULT_OUTPUT_TOKENS = 16_384;
/** An answer that may only be shorter than this is not worth its input. */
const LEAST_OUTPUT_TOKENS = 256;
/** Held where the price of a model is unknown: 0.002 USD per 1,000 characters (jobs API, 9.4), at 3 characters a token. */
const UNKNOWN_MICROS_PER_TOKEN = 6;

const reachedCount = ({ limits, tally }: RunParts): ReachedLimit | null => {
  const { maxModelCalls, maxSteps = null } = limits;
  const used = tally.modelCalls;
  if (maxSteps !== null && used >= maxSteps) return { scope: 'job', measure: 'steps', limit: maxSteps, used };
  if (maxModelCalls === null || used < maxModelCalls) return null;
  return { scope: 'job', measure: 'model_calls', limit: maxModelCalls, used };
};

/**
 * Looks at the limits of the job and holds the worst case of a call. Where less is left, the answer may be shorter; too
 * little left is the end.
 */
export const makeRoom = async (
  run: RunParts,
  request: Pick<StepRequest, 'inputTokens' | 'maxOutputTokens'>,
  priceOf: (usage: TokenUsage) => number | null,
): Promise<CallRoom | { readonly reached: ReachedLimit }> => {
  const { model, agent } = run;
  const reached = reachedCount(run) ?? run.clock.reached;
  if (reached) return { reached };
  const wish = request.maxOutputTokens ?? agent.limits.maxOutputTokens ?? DEFAULT_OUTPUT_TOKENS;
  const most = Math.min(wish, model.maxOutputTokens ?? wish);
  const costOf = (outputTokens: number): number | null =>
    priceOf({
      inputTokens: request.inputTokens,
      cacheReadTokens: 0,
      cacheWriteTokens: 0,
      outputTokens,
      reasoningTokens: 0,
    });
  const dearest = costOf(most);
  const estimate = request.inputTokens * UNKNOWN_MICROS_PER_TOKEN;
  const least = Math.min(most, LEAST_OUTPUT_TOKENS);
  const hold = await run.context.services.holdSpend({
    wantedMicros: dearest ?? estimate,
    leastMicros: costOf(least) ?? estimate,
  });
  if ('reached' in hold) return hold;
  const { heldMicros } = hold;
  if (dearest === null || heldMicros >= dearest) return { maxOutputTokens: most, heldMicros };
  return { maxOutputTokens: longestAnswer(costOf, heldMicros, { least, most }), heldMicros };
};

/** The most output tokens whose cost is within the amount; `least` is. */
const longestAnswer = (
  costOf: (outputTokens: number) => number | null,
  micros: number,
  bounds: { readonly least: number; readonly most: number },
): number => {
  let { least, most } = bounds;
  while (least < most) {
    const middle = Math.ceil((least + most) / 2);
    if ((costOf(middle) ?? 0) <= micros) least = middle;
    else most = middle - 1;
  }
  return least;
};
