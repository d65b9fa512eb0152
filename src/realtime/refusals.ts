import type { Notifications } from '../storage/notifications.ts';

/** Work that was refused for a budget: nothing of it is kept, so it is not in any log. */
export interface Refusal {
  readonly sessionId: string;
  /** Of whoever asked. */
  readonly tenantId: string;
  readonly userId: string | null;
  /** What followers of the session are told, in the words of the wire. */
  readonly data: Readonly<Record<string, unknown>>;
}

/** Passes refusals on to the event buses of all nodes: told once, lost with its notification. */
export class Refusals {
  readonly #notifications: Notifications;

  constructor(notifications: Notifications) {
    this.#notifications = notifications;
  }

  publish(refusal: Refusal): void {
    // Base64url has none of the characters that part the keys of a notification.
    this.#notifications.publish('refusals', Buffer.from(JSON.stringify(refusal)).toString('base64url'));
  }

  /** Returns the function that ends the subscription. */
  subscribe(listener: (refusal: Refusal) => void): () => void {
    return this.#notifications.subscribe('refusals', (key) => {
      const refusal = parse(key);
      if (refusal) listener(refusal);
    });
  }
}

/** Undefined when single keys were lost on the way. */
const parse = (key: string): Refusal | undefined => {
  try {
    return JSON.parse(Buffer.from(key, 'base64url').toString('utf8')) as Refusal;
  } catch {
    // "Everything", which is no refusal.
    return undefined;
  }
};
