import type { ModelMessage } from 'ai';
import type { JsonSchema } from '../core/json-schema.ts';
import type { BatchAccount, PreparedCall, ProviderAnswer } from '../core/model-batch.ts';
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
  /** The same through the batches of its provider; null where that has none. */
  readonly batched: BatchedModel | null;
}

/** A model whose calls are made by its provider's batches: what goes in, and what came out. */
export interface BatchedModel {
  /** Micro-dollars, rounded up, at the price of batches; null when the price is unknown. */
  cost(usage: TokenUsage): number | null;
  /** The request as the provider's own client would send it. Throws ModelCallError for one that cannot be sent. */
  prepare(request: PromptRequest): Promise<PreparedCall>;
  /** The answer to a prepared request, as the provider's own client reads it. Throws ModelCallError for an error. */
  read(request: PromptRequest, answer: ProviderAnswer): Promise<ModelResponse>;
}

/** The batches of the providers that this node can reach. Nothing here rejects for what a provider says. */
export interface ModelBatches {
  readonly accounts: readonly BatchAccount[];
  /** Hands a batch in, once. `unknown`: it may have got there. */
  submit(order: BatchOrder, signal: AbortSignal): Promise<BatchSubmission>;
  /** Looks for a batch that may have got there: at the earliest since that time. `unsure`: only time will tell. */
  find(order: BatchOrder, search: BatchSearch): Promise<{ readonly kind: 'absent' | 'unsure' } | BatchFound>;
  poll(batch: BatchName, signal: AbortSignal): Promise<BatchProgress>;
  /** The answers of a batch that has ended, in any order; null: it expired. Rejects when they cannot be had now. */
  results(
    batch: BatchName,
    signal: AbortSignal,
  ): AsyncIterable<{ readonly id: string; readonly answer: ProviderAnswer | null }>;
  /** What an answer that no run takes has cost; null for one that cost nothing. */
  priceOf(
    modelId: string,
    answer: ProviderAnswer,
  ): Promise<{ readonly usage: TokenUsage | null; readonly costMicros: number | null } | null>;
}

/** A batch as it is handed in. */
export interface BatchOrder {
  readonly id: string;
  readonly provider: string;
  /** All of one variant. */
  readonly requests: readonly { readonly id: string; readonly variant: string; readonly body: string }[];
}

export interface BatchSearch {
  readonly since: Date;
  /** Of the provider's ids, those that are known to be of others. */
  readonly known: (providerIds: readonly string[]) => Promise<ReadonlySet<string>>;
  readonly signal: AbortSignal;
}

export interface BatchName {
  readonly provider: string;
  readonly providerId: string;
}

export interface BatchFound {
  readonly kind: 'found';
  readonly providerId: string;
}

export type BatchSubmission =
  | { readonly kind: 'submitted'; readonly providerId: string }
  /** It is certainly not there. */
  | { readonly kind: 'refused'; readonly answer: ProviderAnswer; readonly retryAfterMs: number | null }
  | { readonly kind: 'unknown'; readonly reason: string };

export type BatchProgress =
  | { readonly kind: 'pending' }
  /** `error`: why it failed as a whole; requests without an answer have none for that reason. */
  | { readonly kind: 'ended'; readonly error: string | null }
  | { readonly kind: 'unreachable'; readonly reason: string };

export interface ModelTool {
  readonly name: string;
  readonly description: string;
  readonly inputSchema: JsonSchema;
}

/** What a model is asked. */
export interface PromptRequest {
  readonly system: string;
  readonly messages: readonly ModelMessage[];
  readonly tools: readonly ModelTool[];
  /** Asks for JSON of this schema where the provider can; the caller validates all the same. */
  readonly outputSchema: JsonSchema | null;
  readonly maxOutputTokens: number;
}

export interface ModelRequest extends PromptRequest {
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
