import type { JournalEvent } from '../../core/journal.ts';
import type { ModelCall } from '../../core/model-call.ts';
import type { ModelResponse } from '../../models/model.ts';
import { responseBlocks } from './message-blocks.ts';
import { callData, modelCallOf, modelStep } from './model-step.ts';
import type { RunParts } from './run-parts.ts';

/** What a finished model call left in the journal. */
export interface StoredResponse extends Pick<ModelResponse, 'messages' | 'text' | 'toolCalls' | 'finish'> {
  readonly call: ModelCall;
}

/**
 * The same in its row. The messages are JSON text there: a jsonb value orders keys anew, and the arguments of a tool call would go
 * back to the provider in other words, which its cache does not know.
 */
interface JournaledResponse extends Omit<StoredResponse, 'messages'> {
  readonly messages: string;
}

/** The answer that an earlier attempt journaled; undefined when it has to be asked for. */
export const earlierResponse = (run: RunParts, ordinal: number): StoredResponse | undefined => {
  const step = run.context.journal.get(ordinal);
  if (step?.kind !== 'model' || step.state !== 'finished' || step.name !== 'model') return undefined;
  const journaled = step.output as JournaledResponse;
  run.tally.addModelCall(journaled.call);
  return { ...journaled, messages: JSON.parse(journaled.messages) as StoredResponse['messages'] };
};

/** The answer of a call as it is journaled, and the events that say so. They are written before anything acts on it. */
export const acceptResponse = (
  run: RunParts,
  ordinal: number,
  { response, requestId }: { readonly response: ModelResponse; readonly requestId?: string },
): { readonly stored: StoredResponse; readonly events: readonly JournalEvent[] } => {
  const { messages, text, toolCalls, finish } = response;
  const call = modelCallOf(run, response, requestId);
  run.tally.addModelCall(call);
  const stored: StoredResponse = { messages, text, toolCalls, finish, call };
  const journaled: JournaledResponse = { ...stored, messages: JSON.stringify(messages) };
  const step = modelStep(ordinal, 'model', journaled);
  const content = responseBlocks(response);
  return {
    stored,
    events: [
      { type: 'step.finished', data: { ordinal, name: 'model', finish, ...callData(call) }, step, modelCall: call },
      ...(content.length === 0 ? [] : [{ type: 'message.created', message: { role: 'assistant', content } } as const]),
    ],
  };
};

/** What the run had heard of an answer when it was stopped: kept for people, and charged as a call of unknown size. */
export const acceptPartial = (
  run: RunParts,
  ordinal: number,
  said: { readonly text: string; readonly reasoning: string; readonly hasBegun: boolean },
): readonly JournalEvent[] => {
  if (!said.hasBegun) return [];
  const { provider, name } = run.model;
  const call: ModelCall = { provider, model: name, usage: null, costMicros: null, durationMs: 0 };
  run.tally.addModelCall(call);
  const content = responseBlocks({ ...said, toolCalls: [] });
  return [
    {
      type: 'step.failed',
      data: { ordinal, name: 'model', reason: 'stopped' },
      step: { ordinal, kind: 'model', name: 'model', state: 'interrupted', input: null, output: null },
      modelCall: call,
    },
    ...(content.length === 0 ? [] : [{ type: 'message.created', message: { role: 'assistant', content } } as const]),
  ];
};
