import { type ContentPart, experimental_streamLanguageModelCall, type LanguageModel, type ToolSet } from 'ai';
import { ModelCallError } from '../core/model-call-error.ts';
import { callFault, type FaultContext } from './call-fault.ts';
import type { ModelDelta, ModelRequest, ModelResponse } from './model.ts';
import type { Prompt } from './prompt.ts';
import { readContent, readFinish, readUsage } from './response.ts';

type Stream = Awaited<ReturnType<typeof experimental_streamLanguageModelCall>>['stream'];
type StreamPart = Stream extends AsyncIterable<infer Part> ? Part : never;
type CallEnd = Extract<StreamPart, { type: 'model-call-end' }>;

/** One call of a model, in the SDK's words and ours. */
export interface StreamCall {
  readonly model: LanguageModel;
  readonly prompt: Prompt;
  readonly request: ModelRequest;
  readonly context: FaultContext;
}

/**
 * Makes the call and gathers its answer. Throws ModelCallError, or the signal's reason once that is aborted.
 *
 * `experimental_streamLanguageModelCall` is the single call beneath streamText: no steps, no retries, no telemetry, no
 * warnings on the console, and no promises that reject behind one's back (docs/decisions has the measurement).
 */
export const streamCall = async ({
  model,
  prompt,
  request,
  context,
}: StreamCall): Promise<Omit<ModelResponse, 'costMicros'>> => {
  const startedAt = performance.now();
  const { signal, maxOutputTokens, onDelta } = request;
  signal.throwIfAborted();
  let content: readonly ContentPart<ToolSet>[] = [];
  try {
    const { stream } = await experimental_streamLanguageModelCall({
      ...prompt,
      model,
      maxOutputTokens,
      abortSignal: signal,
      onLanguageModelCallEnd: (event) => {
        content = event.content;
      },
    });
    const end = await follow(stream, onDelta);
    const said = readContent(content);
    return {
      ...said,
      finish: readFinish(end.finishReason, said.toolCalls.length > 0),
      usage: readUsage(end.usage),
      durationMs: Math.round(performance.now() - startedAt),
    };
  } catch (error) {
    signal.throwIfAborted();
    throw callFault(error, context);
  }
};

/** Hands the pieces on as they come. Gives the end of the call; throws what the provider reports, or that the end is missing. */
const follow = async (stream: Stream, onDelta: ModelRequest['onDelta']): Promise<CallEnd> => {
  const toolNames = new Map<string, string>();
  let end: CallEnd | null = null;
  for await (const part of stream) {
    if (part.type === 'error') throw part.error;
    if (part.type === 'model-call-end') end = part;
    if (part.type === 'tool-input-start') toolNames.set(part.id, part.toolName);
    const delta = toDelta(part, toolNames);
    if (delta !== null && delta.text !== '') onDelta(delta);
  }
  if (end === null || end.finishReason === 'interrupted' || end.finishReason === 'error') {
    throw new ModelCallError('the stream ended before the answer did', { fault: 'interrupted' });
  }
  return end;
};

const toDelta = (part: StreamPart, toolNames: ReadonlyMap<string, string>): ModelDelta | null => {
  if (part.type === 'text-delta') return { part: 'text', text: part.text };
  if (part.type === 'reasoning-delta') return { part: 'reasoning', text: part.text };
  if (part.type !== 'tool-input-delta') return null;
  return { part: 'tool_input', text: part.delta, toolCallId: part.id, toolName: toolNames.get(part.id) ?? '' };
};
