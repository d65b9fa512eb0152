import type { Logger } from 'pino';
import type { Directory } from '../actions/directory.ts';
import { nameHint } from '../core/name-hint.ts';
import { type Database, isDatabaseUnavailable } from '../storage/database.ts';
import { findSessions, type SessionName } from '../storage/existing-sessions.ts';
import { EVERYTHING, type Notifications } from '../storage/notifications.ts';
import type { SessionIdentity } from '../storage/sessions.ts';
import { every } from './every.ts';

export interface SessionArrivalsOptions {
  readonly db: Database;
  readonly directory: Directory;
  readonly notifications: Notifications;
  readonly log: Logger;
  /** How long a session may go unnoticed when its notification was lost, while few are waited for. */
  readonly pollMs: number;
}

interface Awaited {
  readonly name: SessionName;
  readonly waiters: Set<(session: SessionIdentity) => void>;
}

/** Names of one query. With more, a lost notification is made good later; each look stays cheap. */
const LOOK_NAMES = 500;

/** Waits for sessions that do not exist yet: a client may follow one before its first job. */
export class SessionArrivals {
  readonly #options: SessionArrivalsOptions;
  /** By name, those that were looked at longest ago first. */
  readonly #awaited = new Map<string, Awaited>();
  readonly #due = new Set<string>();
  readonly #stopping = new AbortController();
  #looking: Promise<void> | undefined;
  #polling: Promise<void> | undefined;
  #unsubscribe: (() => void) | undefined;

  constructor(options: SessionArrivalsOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#polling || this.#stopping.signal.aborted) return;
    this.#unsubscribe = this.#options.notifications.subscribe('sessions', (hint) => this.#hint(hint));
    this.#polling = every(this.#options.pollMs, this.#stopping.signal, async () => {
      this.#hint(EVERYTHING);
      await this.#looking;
    });
  }

  /** Nobody is told of a session afterwards. Safe twice. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#unsubscribe?.();
    await this.#polling;
    await this.#looking;
  }

  /** The session once it exists; undefined at the abort of the signal. */
  async wait(name: SessionName, signal: AbortSignal): Promise<SessionIdentity | undefined> {
    if (signal.aborted) return undefined;
    const { promise, resolve } = Promise.withResolvers<SessionIdentity | undefined>();
    const key = nameHint(name.tenantId, name.id);
    const awaited = this.#awaited.get(key) ?? { name, waiters: new Set() };
    const leave = (): void => {
      awaited.waiters.delete(resolve);
      if (awaited.waiters.size === 0) this.#awaited.delete(key);
      resolve(undefined);
    };
    awaited.waiters.add(resolve);
    this.#awaited.set(key, awaited);
    signal.addEventListener('abort', leave, { once: true });
    // It may have been made since the caller looked.
    this.#hint(key);
    const session = await promise;
    signal.removeEventListener('abort', leave);
    return session;
  }

  #hint(hint: string): void {
    // A poll takes those that were looked at longest ago.
    const keys = hint === EVERYTHING ? [...this.#awaited.keys()].slice(0, LOOK_NAMES) : [hint];
    for (const key of keys) if (this.#awaited.has(key)) this.#due.add(key);
    if (this.#due.size === 0) return;
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
  }

  async #look(): Promise<void> {
    // One turn of the event loop gathers what comes together.
    for (await new Promise(setImmediate); this.#due.size > 0; ) {
      try {
        for (const session of await findSessions(this.#options.db, this.#takeDue())) this.#tell(session);
      } catch (error) {
        if (!isDatabaseUnavailable(error)) this.#options.log.error({ err: error }, 'looking for sessions failed');
        return;
      }
    }
  }

  #takeDue(): SessionName[] {
    return [...this.#due].slice(0, LOOK_NAMES).flatMap((key) => {
      this.#due.delete(key);
      const awaited = this.#awaited.get(key);
      if (!awaited) return [];
      this.#awaited.delete(key);
      this.#awaited.set(key, awaited);
      return [awaited.name];
    });
  }

  #tell(session: SessionIdentity): void {
    const key = nameHint(session.tenantId, session.id);
    const waiters = this.#awaited.get(key)?.waiters ?? [];
    this.#awaited.delete(key);
    for (const resolve of waiters) resolve(session);
  }
}
