import type { Logger } from 'pino';
import { listRevokedKeys } from '../storage/api-keys.ts';
import { type Database, isDatabaseUnavailable } from '../storage/database.ts';
import { EVERYTHING, type Notifications } from '../storage/notifications.ts';
import { every } from './every.ts';

export interface KeyWatchOptions {
  readonly db: Database;
  readonly notifications: Notifications;
  readonly log: Logger;
  /** How late a revocation is noticed whose notification was lost. */
  readonly pollMs: number;
}

/** Tells the owners of open connections when the API key that opened them was revoked, on whichever node. */
export class KeyWatch {
  readonly #options: KeyWatchOptions;
  readonly #watchers = new Map<string, Set<() => void>>();
  readonly #stopping = new AbortController();
  #polling: Promise<void> | undefined;
  #unsubscribe: (() => void) | undefined;
  #checking: Promise<void> = Promise.resolve();

  constructor(options: KeyWatchOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#polling || this.#stopping.signal.aborted) return;
    this.#unsubscribe = this.#options.notifications.subscribe('keys', (key) => void this.#check(key));
    this.#polling = every(this.#options.pollMs, this.#stopping.signal, async () => await this.#check(EVERYTHING));
  }

  /** Safe twice. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#unsubscribe?.();
    await this.#polling;
    await this.#checking;
  }

  /** Calls back once when the key is revoked. Returns the function that ends the watch. */
  watch(keyId: string, onRevoked: () => void): () => void {
    const watchers = this.#watchers.get(keyId) ?? new Set();
    this.#watchers.set(keyId, watchers);
    watchers.add(onRevoked);
    return () => {
      watchers.delete(onRevoked);
      if (watchers.size === 0) this.#watchers.delete(keyId);
    };
  }

  async #check(key: string): Promise<void> {
    const ids = key === EVERYTHING ? [...this.#watchers.keys()] : [key].filter((id) => this.#watchers.has(id));
    if (ids.length === 0) return;
    const mine = this.#checking.then(async () => await this.#tell(ids));
    this.#checking = mine;
    await mine;
  }

  async #tell(ids: readonly string[]): Promise<void> {
    try {
      for (const id of await listRevokedKeys(this.#options.db, ids)) {
        const watchers = this.#watchers.get(id) ?? [];
        this.#watchers.delete(id);
        for (const onRevoked of watchers) onRevoked();
      }
    } catch (error) {
      if (!isDatabaseUnavailable(error)) this.#options.log.error({ err: error }, 'looking for revoked keys failed');
    }
  }
}
