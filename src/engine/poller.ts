import type { Logger } from 'pino';
import { isDatabaseUnavailable } from '../storage/database.ts';
import { Bell, jitter, waitFor } from './wait.ts';

export interface PollerOptions {
  readonly log: Logger;
  /** What is logged of a look that failed for another reason than a database that is away: "pruning failed". */
  readonly failure: string;
  /** Looks once; gives how long the next look may wait (ms): 0 = there is more to do at once. */
  readonly look: (signal: AbortSignal) => Promise<number>;
  /** Wait before the first look; none when absent. */
  readonly firstInMs?: number;
  /** Longest wait after a look that failed; a second when absent. */
  readonly longestRetryMs?: number;
  /** Told once when the database goes away. */
  readonly onUnavailable?: (error: unknown) => void;
}

const FIRST_RETRY_MS = 100;
const LONGEST_RETRY_MS = 1_000;

/**
 * What a node does beside its jobs, from start to stop: a look, then a wait until somebody rings or its time is over. A ring
 * that is lost costs one wait, never work. A look that failed is repeated, after a wait that grows.
 */
export class Poller {
  readonly #options: PollerOptions;
  readonly #bell = new Bell();
  readonly #stopping = new AbortController();
  readonly #firstLook = Promise.withResolvers<void>();
  #isAway = false;
  #loop: Promise<void> | undefined;

  constructor(options: PollerOptions) {
    this.#options = options;
  }

  /** False before start(). */
  get hasStarted(): boolean {
    return this.#loop !== undefined;
  }

  /** Resolves after the first look, or when stop() comes before it. */
  get firstLook(): Promise<void> {
    return this.#firstLook.promise;
  }

  /** Begins; once. */
  start(): void {
    this.#loop ??= this.#run();
  }

  /** Looks again now, or once more if a look is under way. */
  ring(): void {
    this.#bell.ring();
  }

  /** Resolves when the last look is over; safe twice. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    const { firstInMs = 0, longestRetryMs = LONGEST_RETRY_MS } = this.#options;
    if (firstInMs > 0) await waitFor(firstInMs, signal);
    let failures = 0;
    while (!signal.aborted) {
      const waitMs = await this.#look();
      this.#firstLook.resolve();
      if (waitMs === null) await waitFor(jitter(Math.min(longestRetryMs, FIRST_RETRY_MS * 2 ** failures)), signal);
      else if (waitMs > 0) await this.#bell.wait(waitMs, signal);
      failures = waitMs === null ? failures + 1 : 0;
    }
    this.#firstLook.resolve();
  }

  /** Null when it failed. */
  async #look(): Promise<number | null> {
    const { look, log, failure, onUnavailable } = this.#options;
    const wasAway = this.#isAway;
    this.#isAway = false;
    try {
      return await look(this.#stopping.signal);
    } catch (error) {
      this.#isAway = isDatabaseUnavailable(error);
      if (!this.#isAway) log.error({ err: error }, failure);
      else if (!wasAway) onUnavailable?.(error);
      return null;
    }
  }
}
