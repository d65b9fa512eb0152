import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { backoffMs } from '../core/backoff.ts';
import type { Postmaster } from './postmaster.ts';

const FIRST_DELAY_MS = 50;
const LONGEST_DELAY_MS = 5_000;
/** A server that ran this long had started well, so its end is a new trouble and not the old one again. */
const SETTLED_MS = 30_000;

/** Starts one postmaster; gives up waiting when the signal is aborted. */
type Launch = (signal: AbortSignal) => Promise<Postmaster>;

/** Keeps one postmaster running: starts it, starts it again when it ends without being told to, and stops it. */
export class PostgresSupervisor {
  readonly #launch: Launch;
  readonly #log: Logger;
  readonly #stopping = new AbortController();
  #current: Postmaster | null = null;
  #watching: Promise<void> = Promise.resolve();

  constructor(options: { readonly launch: Launch; readonly log: Logger }) {
    this.#launch = options.launch;
    this.#log = options.log;
  }

  /** Process id of the newest postmaster; null before the start. */
  get pid(): number | null {
    return this.#current?.pid ?? null;
  }

  /**
   * Resolves when PostgreSQL accepts connections. A failure of this first start is the caller's; later ones are tried
   * again.
   */
  async start(): Promise<void> {
    this.#current = await this.#launch(this.#stopping.signal);
    if (this.#stopping.signal.aborted) await this.#current.stop();
    this.#watching = this.#watch(this.#current);
  }

  /** Stops PostgreSQL and the restarting, also when it is just restarting. Safe twice, and before the start. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#current?.stop();
    await this.#watching;
  }

  async #watch(first: Postmaster): Promise<void> {
    let failures = 0;
    for (let postmaster: Postmaster | null = first; postmaster !== null; ) {
      const startedAt = performance.now();
      const reason = await postmaster.exited;
      if (this.#stopping.signal.aborted) return;
      if (performance.now() - startedAt > SETTLED_MS) failures = 0;
      failures += 1;
      this.#log.error({ postgresPid: postmaster.pid, reason }, 'postgres ended unexpectedly, restarting it');
      postmaster = await this.#relaunch(failures);
    }
  }

  /** Tries until PostgreSQL runs again, or returns null because it is not wanted any more. */
  async #relaunch(failuresBefore: number): Promise<Postmaster | null> {
    const { signal } = this.#stopping;
    for (let attempt = failuresBefore; ; attempt += 1) {
      const waitMs = backoffMs({ attempt, firstMs: FIRST_DELAY_MS, longestMs: LONGEST_DELAY_MS, random: Math.random });
      await delay(waitMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return null;
      try {
        this.#current = await this.#launch(signal);
        if (signal.aborted) await this.#current.stop();
        else this.#log.info({ postgresPid: this.#current.pid }, 'postgres is running again');
        return this.#current;
      } catch (error) {
        if (signal.aborted) return null;
        this.#log.error({ err: error }, 'postgres did not start, trying again');
      }
    }
  }
}
