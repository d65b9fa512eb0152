import type { SessionEvent } from '../core/event.ts';
import type { Queryable } from '../storage/database.ts';
import { readEvents } from '../storage/events.ts';

/** A stretch of the log as it was read once, for everybody who stands at its cursor. */
export interface Stretch {
  /** Empty when the log ended at the cursor. */
  readonly events: readonly SessionEvent[];
  /** What the feed knew when the read began: an empty stretch is final only as long as nothing new was heard since. */
  readonly version: number;
}

/** Entries of one read; bounds what one follower holds in memory. */
const STRETCH_EVENTS = 500;
/** Stretches kept for followers that are a little behind the first one. The log is append-only, so they never go stale. */
const KEPT_STRETCHES = 2;

/** One session's log on this node: its followers share their reads and their wake-up calls. */
export class SessionFeed {
  readonly #db: Queryable;
  readonly #sessionNum: number;
  readonly #reads = new Map<number, Promise<Stretch>>();
  readonly #kept: number[] = [];
  readonly #waiters = new Set<() => void>();
  #version = 0;
  #newest = 0;
  #followers = 0;

  constructor(db: Queryable, sessionNum: number) {
    this.#db = db;
    this.#sessionNum = sessionNum;
  }

  /** True while somebody waits for the log to grow. */
  get hasWaiters(): boolean {
    return this.#waiters.size > 0;
  }

  join(): void {
    this.#followers += 1;
  }

  /** Returns true when that was the last follower. */
  leave(): boolean {
    this.#followers -= 1;
    return this.#followers === 0;
  }

  /** The log after the cursor; one query for all who ask for the same stretch. */
  async read(afterSeq: number): Promise<Stretch> {
    const shared = this.#reads.get(afterSeq);
    if (shared) return await shared;
    const read = this.#query(afterSeq, this.#version);
    this.#reads.set(afterSeq, read);
    return await read;
  }

  /** Resolves once the log may hold more than the version of a stretch knew of, or at the abort. */
  async changed(version: number, signal: AbortSignal): Promise<void> {
    if (this.#version !== version || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const wake = (): void => {
        signal.removeEventListener('abort', wake);
        this.#waiters.delete(wake);
        resolve();
      };
      signal.addEventListener('abort', wake, { once: true });
      this.#waiters.add(wake);
    });
  }

  /** The log may have grown: whoever waits reads again. */
  wake(): void {
    this.#version += 1;
    for (const wake of this.#waiters) wake();
  }

  /** The log is known to reach this seq; wakes only when that is news. */
  notice(newestSeq: number): void {
    if (newestSeq <= this.#newest) return;
    this.#newest = newestSeq;
    this.wake();
  }

  async #query(afterSeq: number, version: number): Promise<Stretch> {
    try {
      const events = await readEvents(this.#db, { sessionNum: this.#sessionNum, afterSeq, limit: STRETCH_EVENTS });
      const last = events.at(-1);
      if (last) this.#keep(afterSeq);
      else this.#reads.delete(afterSeq);
      // A follower that came later may see growth that those who wait have not been told of.
      if (last) this.notice(last.seq);
      return { events, version };
    } catch (error) {
      this.#reads.delete(afterSeq);
      throw error;
    }
  }

  #keep(afterSeq: number): void {
    this.#kept.push(afterSeq);
    while (this.#kept.length > KEPT_STRETCHES) this.#reads.delete(this.#kept.shift() ?? 0);
  }
}
