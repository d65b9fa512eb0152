import { setTimeout as wait } from 'node:timers/promises';
import { backoffMs } from '../../core/backoff.ts';
import type { ReachedLimit } from '../../core/budget.ts';
import { ModelCallError } from '../../core/model-call-error.ts';
import type { ModelDelta, ModelResponse } from '../../models/model.ts';
import { makeRoom } from './make-room.ts';
import type { RunParts } from './run-parts.ts';
import type { StepRequest } from './step-request.ts';

/** How a model call ended. `stopped`: the run was, with what had been said by then. */
export type CallEnd =
  /** `requestId`: the request of a batch that it was the answer to. */
  | { readonly kind: 'answered'; readonly response: ModelResponse; readonly requestId?: string }
  | { readonly kind: 'reached'; readonly reached: ReachedLimit }
  | { readonly kind: 'failed'; readonly error: ModelCallError }
  | { readonly kind: 'stopped'; readonly text: string; readonly reasoning: string; readonly hasBegun: boolean }
  /** Its request waits for a batch: the answer comes when the job is woken. */
  | { readonly kind: 'waiting'; readonly reason: string; readonly wakeAfterMs: number };

/** Tries of one call before the job fails; providers are often overloaded for a minute or two. */
const MAX_TRIES = 8;
const LONGEST_WAIT_MS = 60_000;
/** A provider that asks for more patience than this is out of quota. */
const LONGEST_RETRY_AFTER_MS = 600_000;

/** One model call within all limits: checks them, holds the money, and repeats what may pass when it is repeated. */
export const callModel = async (run: RunParts, request: StepRequest): Promise<CallEnd> => {
  const room = await makeRoom(run, request, (usage) => run.model.cost(usage));
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

/** What the log says of a call that is made again. */
export const retriedEvent = (
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
