/** Tokens of one model call, by how they are priced; the first three are parts of what went in. */
export interface TokenUsage {
  /** All that went in, with what was read from and written to the provider's cache. */
  readonly inputTokens: number;
  readonly cacheReadTokens: number;
  readonly cacheWriteTokens: number;
  /** All that came out, with reasoning. */
  readonly outputTokens: number;
  readonly reasoningTokens: number;
}

/** One paid call of a model, as it is accounted. */
export interface ModelCall {
  readonly provider: string;
  /** The exact id that the price was looked up by. */
  readonly model: string;
  /** Null when the provider did not say. */
  readonly usage: TokenUsage | null;
  /** Micro-dollars, rounded up; null when the price is unknown, never a guess. */
  readonly costMicros: number | null;
  readonly durationMs: number;
  /** The request of a batch that it was; absent for a call of its own. */
  readonly requestId?: string;
}
