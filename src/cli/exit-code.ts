/** What the shell sees (operations contract, `bin/kazi run`; the other commands use the same numbers). */
export const EXIT_CODES = Object.freeze({ ok: 0, failed: 1, usage: 2, canceled: 3, unreachable: 4 });

export type ExitReason = Exclude<keyof typeof EXIT_CODES, 'ok'>;

/** Ends a command: its message is the one line that the user gets to see, its reason decides the exit code. */
export class CommandFailure extends Error {
  readonly reason: ExitReason;

  constructor(reason: ExitReason, message: string, options: { readonly cause?: unknown } = {}) {
    super(message, options);
    this.name = 'CommandFailure';
    this.reason = reason;
  }
}

/** The exit code of a command that threw. A configuration that cannot be used counts as wrong usage. */
export const exitCodeOf = (error: unknown): number => {
  if (error instanceof CommandFailure) return EXIT_CODES[error.reason];
  const isConfigFault = error instanceof Error && 'code' in error && error.code === 'INVALID_CONFIG';
  return isConfigFault ? EXIT_CODES.usage : EXIT_CODES.failed;
};
