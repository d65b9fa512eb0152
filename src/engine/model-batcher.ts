import type { Logger } from 'pino';
import type { ModelBatches } from '../models/model.ts';
import type { Queryable } from '../storage/database.ts';
import { type ClaimedBatch, claimModelBatches, nextBatchInMs, putOffBatch } from '../storage/model-batches.ts';
import { chargeLooseRequest, listLooseRequests } from '../storage/model-requests.ts';
import type { Notifications } from '../storage/notifications.ts';
import type { NodeLease } from './node-lease.ts';
import { Poller } from './poller.ts';
import { seeModelBatch } from './see-model-batch.ts';
import { jitter, waitFor } from './wait.ts';

export interface ModelBatcherOptions {
  readonly db: Queryable;
  readonly log: Logger;
  readonly notifications: Notifications;
  readonly lease: NodeLease;
  readonly batches: ModelBatches;
  /** Longest time between two looks at the database. */
  readonly pollMs: number;
  /** How long requests are gathered. */
  readonly batchWindowMs: number;
  /** Longest time between two looks at a provider's batch. */
  readonly batchPollMs: number;
}

/** Within the bounds of both providers (OpenAI: 50,000 requests and 200 MB), and little enough to hold in memory. */
const MOST_REQUESTS = 10_000;
const MOST_BYTES = 32 * 1024 * 1024;
/** Batches that one node is at work on at once: a slow provider does not hold up another. */
const MOST_AT_ONCE = 8;
const LOOSE_LIMIT = 100;
/** Answers that no run takes are looked for so often, though nothing hints at them. */
const LOOSE_EVERY_MS = 60_000;
/** How long what is under way with a provider is waited for when the node stops: who hangs up may have paid for nothing. */
const STOP_MS = 5_000;

/**
 * Puts what runs asked of models into batches of their providers, hands these in, fetches the answers and wakes the runs.
 * Every node runs one; a batch is claimed under the node's lease, each claim with a number that its writes carry.
 */
export class ModelBatcher {
  readonly #options: ModelBatcherOptions;
  readonly #poller: Poller;
  /** Ends what is under way, some time after the rest stops. */
  readonly #ending = new AbortController();
  /** Ends what is under way when the lease is lost: another node may be about to do the same. */
  #held = new AbortController();
  readonly #busy = new Map<string, Promise<void>>();
  #looseAtMs = 0;

  constructor(options: ModelBatcherOptions) {
    this.#options = options;
    this.#poller = new Poller({
      log: options.log,
      failure: 'seeing to model batches failed',
      look: async () => await this.#look(),
    });
  }

  start(): void {
    // Without a provider that takes batches nobody can have asked for one here.
    if (this.#poller.hasStarted || this.#options.batches.accounts.length === 0) return;
    this.#options.lease.onLost(() => {
      this.#held.abort();
      this.#held = new AbortController();
    });
    this.#poller.start();
  }

  async stop(): Promise<void> {
    await this.#poller.stop();
    const done = new AbortController();
    const ended = Promise.all(this.#busy.values()).finally(() => done.abort());
    await waitFor(STOP_MS, done.signal);
    this.#ending.abort();
    await ended;
  }

  /** How long until the next one. */
  async #look(): Promise<number> {
    const { db, lease, batches, batchWindowMs: windowMs } = this.#options;
    const pollMs = jitter(this.#options.pollMs);
    const { nodeId } = lease;
    if (nodeId === undefined) return Math.min(pollMs, 50);
    const limit = MOST_AT_ONCE - this.#busy.size;
    const dueMs = await nextBatchInMs(db, windowMs);
    if (dueMs !== null && dueMs <= 0 && limit > 0) {
      const busy = [...this.#busy.keys()];
      const bounds = { nodeId, windowMs, mostRequests: MOST_REQUESTS, mostBytes: MOST_BYTES, busy, limit };
      for (const batch of await claimModelBatches(db, batches.accounts, bounds)) this.#begin(batch, nodeId);
    }
    await this.#chargeLoose();
    // What is due all the same is in other hands, or will be.
    return dueMs === null || dueMs <= 0 ? pollMs : Math.min(pollMs, dueMs);
  }

  #begin(batch: ClaimedBatch, nodeId: number): void {
    const work = this.#see(batch, nodeId).finally(() => {
      this.#busy.delete(batch.id);
      // There may be room now for another one, answers that nobody takes, or its own next look.
      this.#looseAtMs = 0;
      this.#poller.ring();
    });
    this.#busy.set(batch.id, work);
  }

  /** Never rejects: a batch that could not be seen to is claimed again. */
  async #see(batch: ClaimedBatch, nodeId: number): Promise<void> {
    const { db, log, notifications, batches, lease, batchPollMs: pollMs } = this.#options;
    const isHeld = (): boolean => lease.nodeId === nodeId;
    const parts = { db, log, notifications, batches, isHeld, pollMs };
    try {
      const signal = AbortSignal.any([this.#ending.signal, this.#held.signal]);
      await seeModelBatch({ ...parts, signal }, batch);
    } catch (error) {
      log.error({ err: error, batch: batch.id }, 'seeing to a model batch failed');
      await putOffBatch(db, batch, { inMs: pollMs }).catch((again: unknown) =>
        log.debug({ err: again, batch: batch.id }, 'a model batch could not be put off'),
      );
    }
  }

  /** Accounts for answers whose jobs have ended without them. */
  async #chargeLoose(): Promise<void> {
    if (performance.now() < this.#looseAtMs) return;
    const { db, batches } = this.#options;
    const loose = await listLooseRequests(db, LOOSE_LIMIT);
    for (const { id, model, answer } of loose) {
      await chargeLooseRequest(db, id, answer === null ? null : await batches.priceOf(model, answer));
    }
    if (loose.length < LOOSE_LIMIT) this.#looseAtMs = performance.now() + LOOSE_EVERY_MS;
  }
}
