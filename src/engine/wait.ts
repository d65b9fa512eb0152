/** Resolves after the time (one that has passed is no time), or at once when the signal is aborted. Never rejects. */
export const waitFor = async (ms: number, signal?: AbortSignal): Promise<void> => {
  if (signal?.aborted) return;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, Math.max(0, ms));
    signal?.addEventListener('abort', done, { once: true });
  });
};

/** Times that differ between nodes, so that they do not all knock at once: the interval, up to a tenth more or less. */
export const jitter = (ms: number): number => ms * (0.9 + Math.random() * 0.2);

/** A doorbell: rings that come while nobody waits are remembered as one. */
export class Bell {
  #hasRung = false;
  #wake: (() => void) | undefined;

  ring(): void {
    this.#hasRung = true;
    this.#wake?.();
  }

  /** Resolves at the next ring, after the time, or at the abort. One waiter at a time. */
  async wait(ms: number, signal: AbortSignal): Promise<void> {
    if (!this.#hasRung && !signal.aborted) {
      await new Promise<void>((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          signal.removeEventListener('abort', done);
          this.#wake = undefined;
          resolve();
        };
        const timer = setTimeout(done, Math.max(0, ms));
        signal.addEventListener('abort', done, { once: true });
        this.#wake = done;
      });
    }
    this.#hasRung = false;
  }
}
