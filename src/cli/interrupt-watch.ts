/** Counts the interrupts (Ctrl-C, SIGTERM) of a command that waits for something: the first one asks, the second one ends. */
export class InterruptWatch {
  readonly #controller = new AbortController();
  #ask: (() => void) | undefined;
  #count = 0;

  constructor() {
    process.on('SIGINT', this.#onSignal).on('SIGTERM', this.#onSignal);
  }

  /** Aborted when the command is to end at once. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** What the first interrupt does; until this is called, the first one ends the command. */
  onFirst(ask: () => void): void {
    this.#ask = ask;
  }

  /** Gives the signals back to the process. Safe twice. */
  stop(): void {
    process.off('SIGINT', this.#onSignal).off('SIGTERM', this.#onSignal);
  }

  readonly #onSignal = (): void => {
    this.#count += 1;
    if (this.#count === 1 && this.#ask !== undefined) this.#ask();
    else this.#controller.abort();
  };
}
