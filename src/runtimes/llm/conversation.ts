import type { ModelMessage } from 'ai';
import type { TokenUsage } from '../../core/model-call.ts';

/** Fewer than real texts have, so that an estimate is rather too high. */
const CHARACTERS_PER_TOKEN = 3;
/** About what providers take for one image or page. */
const TOKENS_PER_FILE = 1_600;
/** A string so long under the key `data` is a file. */
const FILE_CHARACTERS = 256;

/** The messages of the next model call, and about how many tokens they are. */
export class Conversation {
  #messages: ModelMessage[];
  /** What the provider counted, with the messages that it counted. */
  #counted: { readonly tokens: number; readonly messages: number } | null = null;

  constructor(messages: readonly ModelMessage[]) {
    this.#messages = [...messages];
  }

  get messages(): readonly ModelMessage[] {
    return this.#messages;
  }

  add(...messages: readonly ModelMessage[]): void {
    this.#messages.push(...messages);
  }

  /** Takes the answer of a model in, with what the provider counted for all up to it. */
  addAnswer(messages: readonly ModelMessage[], usage: TokenUsage | null): void {
    this.#messages.push(...messages);
    if (usage) this.#counted = { tokens: usage.inputTokens + usage.outputTokens, messages: this.#messages.length };
  }

  /** Begins anew with other messages, after a summary. */
  replace(messages: readonly ModelMessage[]): void {
    this.#messages = [...messages];
    this.#counted = null;
  }

  /** Tokens of the next call's messages, rather too many than too few; `around` is what is sent with them. */
  estimateTokens(around: number): number {
    if (this.#counted === null) return around + estimateTokens(this.#messages);
    return this.#counted.tokens + estimateTokens(this.#messages.slice(this.#counted.messages));
  }
}

/** About how many tokens something is when it is sent as text; files in it count as files. */
export const estimateTokens = (value: unknown): number => {
  let files = 0;
  const text = JSON.stringify(value, (key, item: unknown) => {
    if (key !== 'data' || typeof item !== 'string' || item.length < FILE_CHARACTERS) return item;
    files += 1;
    return '';
  });
  return Math.ceil(text.length / CHARACTERS_PER_TOKEN) + files * TOKENS_PER_FILE;
};
