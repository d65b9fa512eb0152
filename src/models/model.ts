import type { ModelMessage } from 'ai';
import type { JsonSchema } from '../core/json-schema.ts';
import type { TokenUsage } from '../core/model-call.ts';

/** The models that this server can call. Real providers behind the AI SDK; the scripted server stands in for them in tests. */
export interface Models {
  /**
   * The model of an id `provider/model`, or the server's own for null. Throws NO_MODEL when none is configured, and
   * MODEL_UNAVAILABLE when the provider is unknown or lacks its key; both say what to set.
   */
  resolve(id: string | null): Model;
}

/** A model that can be called. Facts are null when the table does not know this exact id. */
export interface Model {
  /** `provider/model`. */
  readonly id: string;
  readonly provider: string;
  readonly name: string;
  /** Tokens that input and output may have together. */
  readonly contextTokens: number | null;
  readonly maxOutputTokens: number | null;
  /** True for media types such as `image/png` or `application/pdf` that the model takes as input. */
  accepts(mediaType: string): boolean;
  /** Micro-dollars, rounded up; null when the price is unknown. */
  cost(usage: TokenUsage): number | null;
  /** One call, without retries. Throws ModelCallError, or the signal's reason when that is aborted. */
  call(request: ModelRequest): Promise<ModelResponse>;
}

export interface ModelTool {
  readonly name: string;
  readonly description: string;
  readonly inputSchema: JsonSchema;
}

export interface ModelRequest {
  readonly system: string;
  readonly messages: readonly ModelMessage[];
  readonly tools: readonly ModelTool[];
  /** Asks for JSON of this schema where the provider can; the caller validates all the same. */
  readonly outputSchema: JsonSchema | null;
  readonly maxOutputTokens: number;
  readonly signal: AbortSignal;
  readonly onDelta: (delta: ModelDelta) => void;
}

export type ModelDelta =
  | { readonly part: 'text' | 'reasoning'; readonly text: string }
  | { readonly part: 'tool_input'; readonly text: string; readonly toolCallId: string; readonly toolName: string };

export interface ModelResponse {
  /** What the model said, exactly as it has to be sent back with the next call; plain JSON. */
  readonly messages: readonly ModelMessage[];
  readonly text: string;
  readonly reasoning: string;
  readonly toolCalls: readonly ModelToolCall[];
  /** `length`: the answer was cut at maxOutputTokens. */
  readonly finish: 'stop' | 'tool_calls' | 'length' | 'content_filter' | 'other';
  /** Null when the provider did not say. */
  readonly usage: TokenUsage | null;
  readonly costMicros: number | null;
  readonly durationMs: number;
}

export interface ModelToolCall {
  readonly id: string;
  readonly name: string;
  readonly input: unknown;
  /** What was wrong with the arguments' JSON, for the model to read; null when they parsed. */
  readonly inputError: string | null;
}
