import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { SessionEvent } from '../core/event.ts';
import { isDatabaseUnavailable, type Queryable } from '../storage/database.ts';
import { newestSeqs } from '../storage/events.ts';
import { EVERYTHING, type Notifications } from '../storage/notifications.ts';
import { SessionFeed, type Stretch } from './session-feed.ts';

export interface EventHubOptions {
  readonly db: Queryable;
  readonly notifications: Notifications;
  readonly log: Logger;
  /** How late an event may come when its notification was lost, and how soon a lost database is asked again. */
  readonly pollMs: number;
}

/** Where somebody stands in a session's log, and how long they follow it. */
export interface Follow {
  readonly sessionNum: number;
  readonly afterSeq: number;
  readonly signal: AbortSignal;
}

/**
 * Followers of session logs on this node. Each reads from its own cursor, so nothing is ever buffered for a slow one: it
 * pulls, and what it has not pulled is still in the log. Notifications say when to look; one poll for all sessions is
 * the guarantee.
 */
export class EventHub {
  readonly #options: EventHubOptions;
  readonly #feeds = new Map<number, SessionFeed>();
  readonly #stopping = new AbortController();
  #unsubscribe: (() => void) | undefined;
  #polling: Promise<void> | undefined;

  constructor(options: EventHubOptions) {
    this.#options = options;
  }

  /** Sessions that are followed on this node. */
  get sessions(): number {
    return this.#feeds.size;
  }

  start(): void {
    if (this.#polling || this.#stopping.signal.aborted) return;
    this.#unsubscribe = this.#options.notifications.subscribe('events', (key) => this.#wake(key));
    this.#polling = this.#poll();
  }

  /** Ends all followers where they stand. Safe twice. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#unsubscribe?.();
    await this.#polling;
  }

  /**
   * The log after the cursor, then everything that is appended, in order, without gap or duplicate, in batches that are
   * never empty. Ends at the abort of `signal` or the stop of the hub, and outlasts an absent database.
   */
  async *follow({ sessionNum, afterSeq, signal }: Follow): AsyncGenerator<readonly SessionEvent[], void, void> {
    const ended = AbortSignal.any([signal, this.#stopping.signal]);
    const feed = this.#join(sessionNum);
    let cursor = afterSeq;
    try {
      while (!ended.aborted) {
        const stretch = await this.#read(feed, cursor, ended);
        const last = stretch?.events.at(-1);
        if (stretch === undefined || ended.aborted) return;
        if (last === undefined) {
          await feed.changed(stretch.version, ended);
        } else {
          cursor = last.seq;
          yield stretch.events;
        }
      }
    } finally {
      if (feed.leave()) this.#feeds.delete(sessionNum);
    }
  }

  #join(sessionNum: number): SessionFeed {
    const feed = this.#feeds.get(sessionNum) ?? new SessionFeed(this.#options.db, sessionNum);
    this.#feeds.set(sessionNum, feed);
    feed.join();
    return feed;
  }

  async #read(feed: SessionFeed, cursor: number, signal: AbortSignal): Promise<Stretch | undefined> {
    while (!signal.aborted) {
      try {
        return await feed.read(cursor);
      } catch (error) {
        if (!isDatabaseUnavailable(error)) throw error;
        await this.#pause(signal);
      }
    }
    return undefined;
  }

  #wake(key: string): void {
    if (key === EVERYTHING) for (const feed of this.#feeds.values()) feed.wake();
    else this.#feeds.get(Number(key))?.wake();
  }

  async #poll(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await this.#pause(signal);
      const waiting = [...this.#feeds].filter(([, feed]) => feed.hasWaiters).map(([sessionNum]) => sessionNum);
      if (signal.aborted || waiting.length === 0) continue;
      try {
        const newest = await newestSeqs(this.#options.db, waiting);
        for (const [sessionNum, seq] of newest) this.#feeds.get(sessionNum)?.notice(seq);
      } catch (error) {
        if (!isDatabaseUnavailable(error)) this.#options.log.error({ err: error }, 'polling the event logs failed');
      }
    }
  }

  /** One poll's time, a tenth more or less, so that nodes do not all ask at once. */
  async #pause(signal: AbortSignal): Promise<void> {
    const ms = this.#options.pollMs * (0.9 + Math.random() * 0.2);
    await delay(ms, undefined, { signal }).catch(() => undefined /* aborted: the caller looks at the signal */);
  }
}
