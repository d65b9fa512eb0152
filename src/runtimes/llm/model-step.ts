import type { Step } from '../../core/journal.ts';
import type { ModelCall } from '../../core/model-call.ts';
import type { ModelResponse } from '../../models/model.ts';
import type { RunParts } from './run-parts.ts';

/** How a response is accounted. */
export const modelCallOf = (run: RunParts, response: ModelResponse, requestId?: string): ModelCall => ({
  provider: run.model.provider,
  model: run.model.name,
  usage: response.usage,
  costMicros: response.costMicros,
  durationMs: Math.round(response.durationMs),
  ...(requestId === undefined ? {} : { requestId }),
});

/** A finished model step of that name. */
export const modelStep = (ordinal: number, name: 'model' | 'compact', output: unknown): Step => ({
  ordinal,
  kind: 'model',
  name,
  state: 'finished',
  input: null,
  output,
});

/** What the log says of a call. */
export const callData = (call: ModelCall): Readonly<Record<string, unknown>> => ({
  model: `${call.provider}/${call.model}`,
  duration_ms: call.durationMs,
  usage: call.usage && {
    input_tokens: call.usage.inputTokens,
    cache_read_tokens: call.usage.cacheReadTokens,
    cache_write_tokens: call.usage.cacheWriteTokens,
    output_tokens: call.usage.outputTokens,
    reasoning_tokens: call.usage.reasoningTokens,
  },
  cost_usd: call.costMicros === null ? null : call.costMicros / 1_000_000,
  ...(call.requestId === undefined ? {} : { request_id: call.requestId }),
});
