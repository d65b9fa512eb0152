import type { Logger } from 'pino';
import type { Queryable } from '../storage/database.ts';
import type { Notifications } from '../storage/notifications.ts';
import { expirePrompts } from '../storage/prompts.ts';
import { Poller } from './poller.ts';
import { jitter } from './wait.ts';

const LIMIT = 500;

export interface PromptExpirerOptions {
  readonly db: Queryable;
  readonly log: Logger;
  readonly notifications: Notifications;
  readonly pollMs: number;
}

/** Takes prompts out of their queues when their time is over. Every node runs one; they do not get into each other's way. */
export const createPromptExpirer = ({ db, log, notifications, pollMs }: PromptExpirerOptions): Poller =>
  new Poller({
    log,
    failure: 'expiring prompts failed',
    look: async () => {
      const { sessions, lanes } = await expirePrompts(db, LIMIT);
      for (const session of sessions) notifications.publish('events', session);
      for (const lane of lanes) notifications.publish('lanes', lane);
      return sessions.length === LIMIT ? 0 : jitter(pollMs);
    },
  });
