import { setTimeout as wait } from 'node:timers/promises';
import { backoffMs } from '../../core/backoff.ts';
import type { ReachedLimit } from '../../core/budget.ts';
import { ModelCallError } from '../../core/model-call-error.ts';
import type { ModelDelta, ModelRequest, ModelResponse } from '../../models/model.ts';
import type { RunParts } from './run-parts.ts';

/** How a model call ended. `stopped`: the run was, with what had been said by then. */
export type CallEnd =
  | { readonly kind: 'answered'; readonly response: ModelResponse }
  | { readonly kind: 'reached'; readonly reached: ReachedLimit }
  | { readonly kind: 'failed'; readonly error: ModelCallError }
  | { readonly kind: 'stopped'; readonly text: string; readonly reasoning: string; readonly hasBegun: boolean };

export interface StepRequest extends Omit<ModelRequest, 'signal' | 'onDelta' | 'maxOutputTokens'> {
  readonly ordinal: number;
  /** Tokens that go in, rather too many than too few. */
  readonly inputTokens: number;
  /** Longest answer; what the agent or the model allows when absent. */
  readonly maxOutputTokens?: number;
  /** Deltas go to the log; false for calls whose answer nobody reads along. */
  readonly isStreamed: boolean;
}

/** Tries of one call before the job fails; providers are often overloaded for a minute or two. */
const MAX_TRIES = 8;
const LONGEST_WAIT_MS = 60_000;
/** A provider that asks for more patience than this is out of quota. */
const LONGEST_RETRY_AFTER_MS = 600_000;
/** What an agent that says nothing lets one call answer; providers reserve quota by it. */
const DEFAULT_OUTPUT_TOKENS = 16_384;
/** An answer that may only be shorter than this is not worth its input. */
const LEAST_OUTPUT_TOKENS = 256;
/** Held where the price of a model is unknown: 0.002 USD per 1,000 characters (jobs API, 9.4), at 3 characters a token. */
const UNKNOWN_MICROS_PER_TOKEN = 6;

/** One model call within all limits: checks them, holds the money, and repeats what may pass when it is repeated. */
export const callModel = async (run: RunParts, request: StepRequest): Promise<CallEnd> => {
  const reached = reachedCount(run) ?? run.clock.reached;
  if (reached) return { kind: 'reached', reached };
  const room = await holdForCall(run, request);
  if ('reached' in room) return { kind: 'reached', reached: room.reached };
  for (let attempt = 1; ; attempt += 1) {
    const said = new HeardSoFar();
    try {
      const { ordinal, isStreamed, inputTokens: _, ...parts } = request;
      const response = await run.model.call({
        ...parts,
        maxOutputTokens: room.maxOutputTokens,
        signal: run.clock.signal,
        onDelta: (delta) => {
          said.add(delta);
          if (isStreamed) run.context.emitDelta({ step: ordinal, ...delta });
        },
      });
      return { kind: 'answered', response };
    } catch (error) {
      if (run.clock.signal.aborted) return { kind: 'stopped', ...said.toParts() };
      if (!(error instanceof ModelCallError)) throw error;
      const delayMs = retryDelay(run, error, attempt);
      if (delayMs === null) return { kind: 'failed', error };
      await run.context.write([retriedEvent(request.ordinal, error, { attempt, delayMs })]);
      try {
        await wait(delayMs, undefined, { signal: run.clock.signal });
      } catch {
        // Stopped while waiting; what had been said was taken back with the retry.
        return { kind: 'stopped', text: '', reasoning: '', hasBegun: false };
      }
    }
  }
};

const reachedCount = ({ limits, tally }: RunParts): ReachedLimit | null => {
  const { maxModelCalls, maxSteps = null } = limits;
  const used = tally.modelCalls;
  if (maxSteps !== null && used >= maxSteps) return { scope: 'job', measure: 'steps', limit: maxSteps, used };
  if (maxModelCalls === null || used < maxModelCalls) return null;
  return { scope: 'job', measure: 'model_calls', limit: maxModelCalls, used };
};

/** Holds the worst case of the call. Where less is left, the answer may be shorter; too little left is the end. */
const holdForCall = async (
  run: RunParts,
  request: StepRequest,
): Promise<{ readonly maxOutputTokens: number } | { readonly reached: ReachedLimit }> => {
  const { model, agent } = run;
  const wish = request.maxOutputTokens ?? agent.limits.maxOutputTokens ?? DEFAULT_OUTPUT_TOKENS;
  const most = Math.min(wish, model.maxOutputTokens ?? wish);
  const costOf = (outputTokens: number): number | null =>
    model.cost({
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
  if (dearest === null || hold.heldMicros >= dearest) return { maxOutputTokens: most };
  return { maxOutputTokens: longestAnswer(costOf, hold.heldMicros, { least, most }) };
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

/** Null when it is not worth another try. */
const retryDelay = (run: RunParts, error: ModelCallError, attempt: number): number | null => {
  if (!error.isRetryable || attempt >= MAX_TRIES) return null;
  if (error.retryAfterMs === null) {
    const { retryFirstMs: firstMs } = run;
    return firstMs / 2 + backoffMs({ attempt, firstMs, longestMs: LONGEST_WAIT_MS, random: Math.random });
  }
  if (error.retryAfterMs > LONGEST_RETRY_AFTER_MS) return null;
  // All that were told the same time must not come back together.
  return error.retryAfterMs + backoffMs({ attempt: 1, firstMs: 250, longestMs: 250, random: Math.random });
};

const retriedEvent = (
  step: number,
  error: ModelCallError,
  retry: { readonly attempt: number; readonly delayMs: number },
) =>
  ({
    type: 'model_call.retried',
    data: {
      step,
      fault: error.fault,
      message: error.message,
      attempt: retry.attempt,
      delay_ms: Math.round(retry.delayMs),
    },
  }) as const;

/** What a model has said before its answer was whole. */
class HeardSoFar {
  #text = '';
  #reasoning = '';
  #hasBegun = false;

  add(delta: ModelDelta): void {
    this.#hasBegun = true;
    if (delta.part === 'text') this.#text += delta.text;
    if (delta.part === 'reasoning') this.#reasoning += delta.text;
  }

  toParts(): { readonly text: string; readonly reasoning: string; readonly hasBegun: boolean } {
    return { text: this.#text, reasoning: this.#reasoning, hasBegun: this.#hasBegun };
  }
}
