/**
 * A request that gets an error answer. Each wire format puts it into its own envelope; `code` overrides the code (OpenAI)
 * or type (Anthropic) that goes with the status.
 */
export class WireError extends Error {
  readonly status: number;
  readonly code: string | null;
  readonly retryAfterSeconds: number | null;

  constructor(
    status: number,
    message: string,
    options: { readonly code?: string | null; readonly retryAfterSeconds?: number | null } = {},
  ) {
    super(message);
    this.name = 'WireError';
    this.status = status;
    this.code = options.code ?? null;
    this.retryAfterSeconds = options.retryAfterSeconds ?? null;
  }
}
