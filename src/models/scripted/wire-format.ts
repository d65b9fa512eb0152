import type { IncomingHttpHeaders } from 'node:http';
import type { TokenUsage } from '../../core/model-call.ts';
import type { Prompt, PromptWants } from './prompt.ts';
import type { WireError } from './wire-error.ts';

export type WireFormatName = 'openai-responses' | 'openai-chat' | 'anthropic-messages';

/** One protocol of a provider: reads its requests, writes its answers and its errors. */
export interface WireFormat {
  readonly name: WireFormatName;
  /** Path of its endpoint, without `/v1`. */
  readonly path: string;
  /** The API key that a request carries; null without one. */
  readonly keyOf: (headers: IncomingHttpHeaders) => string | null;
  /** Throws WireError for what the provider itself would refuse. */
  readonly readPrompt: (body: unknown, headers: IncomingHttpHeaders) => Prompt;
  readonly answer: (answer: Answer) => unknown;
  /** The events of a streamed answer, in order; deltas are cut by `pieces`. */
  readonly stream: (answer: Answer, pieces: Pieces) => Iterable<Frame>;
  readonly error: (error: WireError) => unknown;
  /** What a stream says when the provider fails in its middle. */
  readonly streamError: (error: WireError) => Frame;
  /** How this provider says that the prompt does not fit the model. */
  readonly contextOverflow: (prompt: Prompt) => WireError;
  /** Headers that every answer of it carries. */
  readonly headers: (requestId: string) => Readonly<Record<string, string>>;
}

/** One server-sent event. */
export interface Frame {
  /** Name of the event; null where the protocol sends data lines only. */
  readonly event: string | null;
  readonly data: string;
  /** Characters of the model's output in it; 0 for events that only frame them. */
  readonly characters: number;
  /** True for the events that tell the client that the answer is whole. */
  readonly isEnd: boolean;
}

/** Cuts one part of an answer into the texts of its deltas. */
export type Pieces = (text: string) => Iterable<string>;

/** A turn of the script, filled in for one request. */
export interface Answer {
  /** Part of every id in the answer: it leads back to the turn. */
  readonly turnKey: string;
  readonly model: string;
  /** Unix seconds. */
  readonly createdAt: number;
  readonly reasoning: string;
  readonly text: string;
  readonly toolCalls: readonly { readonly name: string; readonly rawInput: string }[];
  readonly finish: 'stop' | 'tool_calls' | 'length' | 'content_filter';
  /** Null: the provider does not say (Anthropic always does, and sends an estimate). */
  readonly usage: TokenUsage | null;
  readonly estimatedUsage: TokenUsage;
  readonly wants: PromptWants;
}
