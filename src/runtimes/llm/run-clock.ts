import type { ReachedLimit } from '../../core/budget.ts';

/** The working time of a job: what earlier attempts worked, and this one. Time in which it was parked does not count. */
export class RunClock {
  readonly #startedAtMs = performance.now();
  readonly #earlierMs: number;
  readonly #maxMs: number | null;
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout | undefined;
  /** Aborted when the run has to stop, for whatever reason. */
  readonly signal: AbortSignal;

  constructor(options: { readonly signal: AbortSignal; readonly earlierMs: number; readonly maxMs: number | null }) {
    this.#earlierMs = options.earlierMs;
    this.#maxMs = options.maxMs;
    this.signal = AbortSignal.any([options.signal, this.#controller.signal]);
    if (this.#maxMs === null) return;
    const leftMs = Math.max(0, this.#maxMs - this.#earlierMs);
    // Longer than a timer can count: the job's own timeout comes long before.
    if (leftMs < 2 ** 31) this.#timer = setTimeout(() => this.#controller.abort(new Error('out of time')), leftMs);
  }

  /** The limit of time, once it is reached. */
  get reached(): ReachedLimit | null {
    const used = this.#earlierMs + performance.now() - this.#startedAtMs;
    if (this.#maxMs === null || (used < this.#maxMs && !this.#controller.signal.aborted)) return null;
    return { scope: 'job', measure: 'time', limit: this.#maxMs, used: Math.round(used) };
  }

  stop(): void {
    clearTimeout(this.#timer);
  }
}
