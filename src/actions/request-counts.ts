import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Database } from '../storage/database.ts';
import { addRequest, type RequestCount } from '../storage/request-counts.ts';

const KEY_BYTES = 16;
const ENTRIES = 10_000;

/** One request to be counted. */
export interface CountedRequest {
  /** Route and subject. */
  readonly key: string;
  readonly windowMs: number;
  readonly max: number;
}

/**
 * Counts requests for all nodes, in the database. A key that has used up its window is remembered until the window ends,
 * so that whoever floods a node costs the database nothing more.
 */
export class RequestCounts {
  readonly #db: Database;
  readonly #usedUp = new LRUCache<string, number>({ max: ENTRIES, ttl: 1, perf: performance });

  constructor(db: Database) {
    this.#db = db;
  }

  async add({ key, windowMs, max }: CountedRequest): Promise<RequestCount> {
    const requests = this.#usedUp.get(key);
    if (requests !== undefined) return { requests, endsInMs: this.#usedUp.getRemainingTTL(key) };
    const digest = createHash('sha256').update(key).digest().subarray(0, KEY_BYTES);
    const count = await addRequest(this.#db, digest, windowMs);
    if (count.requests > max && count.endsInMs >= 1) this.#usedUp.set(key, count.requests, { ttl: count.endsInMs });
    return count;
  }
}
