import { LRUCache } from 'lru-cache';
import type { Logger } from 'pino';
import { hashApiKey, isWellFormedApiKey } from '../core/api-key.ts';
import { Batcher } from '../core/batcher.ts';
import { KaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import { findApiKey, touchApiKeys } from '../storage/api-keys.ts';
import type { Database } from '../storage/database.ts';
import type { Notifications } from '../storage/notifications.ts';

/** How long another node may take to notice that a key was revoked when the notification was lost. */
const FRESH_MS = 1_000;
const TOUCH_EVERY_MS = 60_000;
const ENTRIES = 10_000;

/** Knows for a moment which API keys hold, so that a busy client does not cost a query for each request. */
export class ApiKeyCache {
  readonly #db: Database;
  readonly #log: Logger;
  readonly #principals = new LRUCache<string, Principal>({ max: ENTRIES, ttl: FRESH_MS });
  readonly #touches: Batcher<string, undefined>;
  readonly #touched = new LRUCache<string, true>({ max: ENTRIES, ttl: TOUCH_EVERY_MS });

  constructor(options: { readonly db: Database; readonly log: Logger; readonly notifications: Notifications }) {
    this.#db = options.db;
    this.#log = options.log;
    this.#touches = new Batcher({
      run: async (ids) => {
        await touchApiKeys(this.#db, ids);
        return ids.map(() => undefined);
      },
      maxItems: 1_000,
      maxInFlight: 1,
      canSplit: () => false,
    });
    options.notifications.subscribe('keys', () => this.#principals.clear());
  }

  /** Whom the key stands for. Throws INVALID_API_KEY for one that is unknown, malformed, revoked or expired. */
  async principalOf(key: string): Promise<Principal> {
    if (!isWellFormedApiKey(key)) throw new KaziError('INVALID_API_KEY');
    const hash = hashApiKey(key);
    const name = hash.toString('base64');
    const known = this.#principals.get(name);
    if (known) return known;
    const found = await findApiKey(this.#db, hash);
    if (!found) throw new KaziError('INVALID_API_KEY');
    const principal: Principal = {
      kind: 'api_key',
      tenantId: found.tenantId,
      userId: found.userId,
      sessionIds: null,
      scopes: found.scopes,
      isAnonymous: false,
      hasTenantClaim: true,
      credentialId: found.id,
    };
    this.#principals.set(name, principal);
    this.#touch(found.id);
    return principal;
  }

  /** Once a minute, after the request that it was used for has gone on. */
  #touch(id: string): void {
    if (this.#touched.has(id)) return;
    this.#touched.set(id, true);
    this.#touches
      .add(id)
      .catch((error: unknown) => this.#log.debug({ err: error }, 'the last use of a key was not recorded'));
  }
}
