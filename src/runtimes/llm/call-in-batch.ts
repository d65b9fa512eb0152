import { derivedId } from '../../core/derived-id.ts';
import type { JournalEvent } from '../../core/journal.ts';
import type { ModelRequestState } from '../../core/model-batch.ts';
import { ModelCallError } from '../../core/model-call-error.ts';
import type { BatchedModel, PromptRequest } from '../../models/model.ts';
import { type CallEnd, callModel, retriedEvent } from './call-model.ts';
import { makeRoom } from './make-room.ts';
import type { RunParts } from './run-parts.ts';
import type { StepRequest } from './step-request.ts';

export interface BatchedStep extends StepRequest {
  /** Which call of its step it is. */
  readonly name: ModelRequestState['name'];
}

/** Batches that a call is tried in, before it is made directly: what has failed twice there is not to fail for good. */
const MAX_BATCH_TRIES = 2;
/** A waiting job looks again so often, though what it waits for wakes it. */
const LOOK_AGAIN_MS = 21_600_000;

/**
 * One model call through the batches of its provider. The first time it hands the request in and has the job wait; when the
 * job is woken, it reads the answer. What the provider refused is repeated within the bounds of a step.
 */
export const callInBatch = async (run: RunParts, batched: BatchedModel, step: BatchedStep): Promise<CallEnd> => {
  const requests = await run.context.services.modelRequests(step.ordinal);
  const last = requests.findLast(({ name }) => name === step.name);
  if (last === undefined) return await handIn(run, batched, { step, number: 1, events: [] });
  if (last.state === 'waiting') return waiting(run);
  const { maxOutputTokens = 1, system, messages, tools, outputSchema } = step;
  const read = await readLast(batched, { system, messages, tools, outputSchema, maxOutputTokens }, last);
  if (!(read instanceof ModelCallError)) return { kind: 'answered', response: read, requestId: last.id };
  if (!read.isRetryable) return { kind: 'failed', error: read };
  const events = [retriedEvent(step.ordinal, read, { attempt: last.try, delayMs: 0 })];
  if (last.try < MAX_BATCH_TRIES) return await handIn(run, batched, { step, number: last.try + 1, events });
  await run.context.write(events);
  return await callModel(run, step);
};

const readLast = async (
  batched: BatchedModel,
  request: PromptRequest,
  { answer }: ModelRequestState,
): Promise<Awaited<ReturnType<BatchedModel['read']>> | ModelCallError> => {
  if (answer === null) {
    return new ModelCallError('The batch that the request was in ended without an answer to it', {
      fault: 'unavailable',
    });
  }
  try {
    return await batched.read(request, answer);
  } catch (error) {
    if (error instanceof ModelCallError) return error;
    throw error;
  }
};

const handIn = async (
  run: RunParts,
  batched: BatchedModel,
  {
    step,
    number,
    events,
  }: { readonly step: BatchedStep; readonly number: number; readonly events: readonly JournalEvent[] },
): Promise<CallEnd> => {
  const { context, model } = run;
  const room = await makeRoom(run, step, (usage) => batched.cost(usage));
  if ('reached' in room) return { kind: 'reached', reached: room.reached };
  const { ordinal, name, system, messages, tools, outputSchema } = step;
  const { maxOutputTokens, heldMicros } = room;
  const prepared = await prepare(batched, { system, messages, tools, outputSchema, maxOutputTokens });
  if (prepared instanceof ModelCallError) return { kind: 'failed', error: prepared };
  const id = derivedId(context.job.id, ordinal, `model-request-${name}-${number}`);
  const data = { step: ordinal, request_id: id, provider: model.provider, try: number };
  const modelRequest = { ...prepared, id, ordinal, name, try: number, model: model.name, heldMicros };
  await context.write([...events, { type: 'model_call.batched', data, modelRequest }]);
  return waiting(run);
};

const prepare = async (
  batched: BatchedModel,
  request: PromptRequest,
): Promise<Awaited<ReturnType<BatchedModel['prepare']>> | ModelCallError> => {
  try {
    return await batched.prepare(request);
  } catch (error) {
    if (error instanceof ModelCallError) return error;
    throw error;
  }
};

const waiting = ({ model }: RunParts): CallEnd => ({
  kind: 'waiting',
  reason: `Waiting for a batch of ${model.provider}`,
  wakeAfterMs: LOOK_AGAIN_MS,
});
