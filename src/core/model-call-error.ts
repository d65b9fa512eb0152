/**
 * `rate_limited`, `unavailable` and `interrupted` (the stream broke) may pass when the call is repeated; the others do not.
 */
export type ModelCallFault =
  | 'unauthorized'
  | 'unknown_model'
  | 'bad_request'
  | 'context_overflow'
  | 'rate_limited'
  | 'unavailable'
  | 'interrupted';

/** A model call that gave no whole answer. The message names provider, model, status and what to do, and holds no secret. */
export class ModelCallError extends Error {
  readonly fault: ModelCallFault;
  /** What the provider asked for with Retry-After; null when it did not. */
  readonly retryAfterMs: number | null;

  constructor(
    message: string,
    options: { readonly fault: ModelCallFault; readonly retryAfterMs?: number | null; readonly cause?: unknown },
  ) {
    super(message, { cause: options.cause });
    this.name = 'ModelCallError';
    this.fault = options.fault;
    this.retryAfterMs = options.retryAfterMs ?? null;
  }

  get isRetryable(): boolean {
    return this.fault === 'rate_limited' || this.fault === 'unavailable' || this.fault === 'interrupted';
  }
}
