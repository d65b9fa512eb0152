import type { Logger } from 'pino';
import { isDatabaseUnavailable, type Queryable } from '../storage/database.ts';
import type { Notifications } from '../storage/notifications.ts';
import { expirePrompts } from '../storage/prompts.ts';
import { jitter, waitFor } from './wait.ts';

const LIMIT = 500;

export interface PromptExpirerOptions {
  readonly db: Queryable;
  readonly log: Logger;
  readonly notifications: Notifications;
  readonly pollMs: number;
}

/** Takes prompts out of their queues when their time is over. Every node runs one; they do not get into each other's way. */
export class PromptExpirer {
  readonly #options: PromptExpirerOptions;
  readonly #stopping = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(options: PromptExpirerOptions) {
    this.#options = options;
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const isFull = await this.#expire();
      if (!isFull) await waitFor(jitter(this.#options.pollMs), signal);
    }
  }

  /** True when there are more to take out at once. */
  async #expire(): Promise<boolean> {
    const { db, log, notifications } = this.#options;
    try {
      const { sessions, lanes } = await expirePrompts(db, LIMIT);
      for (const session of sessions) notifications.publish('events', session);
      for (const lane of lanes) notifications.publish('lanes', lane);
      return sessions.length === LIMIT;
    } catch (error) {
      if (!isDatabaseUnavailable(error)) log.error({ err: error }, 'expiring prompts failed');
      return false;
    }
  }
}
