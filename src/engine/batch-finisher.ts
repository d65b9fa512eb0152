import type { Logger } from 'pino';
import { cancelRestOfBatch } from '../actions/cancel-batch.ts';
import type { ActionContext } from '../actions/context.ts';
import { listUnsettledBatches, noteFirstOutputs, settleBatches } from '../storage/batch-ends.ts';
import { isDatabaseUnavailable, type Queryable } from '../storage/database.ts';
import type { Notifications } from '../storage/notifications.ts';
import { Bell, jitter, waitFor } from './wait.ts';

export interface BatchFinisherOptions {
  /** What a cancelled batch still has to cancel goes through it. */
  readonly context: ActionContext;
  readonly db: Queryable;
  readonly log: Logger;
  readonly notifications: Notifications;
  readonly pollMs: number;
}

const LIMIT = 100;
/** Ends of many items ring at once: looks come no closer together than this. */
const BETWEEN_LOOKS_MS = 20;

/**
 * Ends batches whose items have all ended, and goes on where a node died while it cancelled one. Items are counted in their
 * own transactions; this looks after their commits, so nothing is locked that two of them share. Every node runs one, and
 * they do not get into each other's way.
 */
export class BatchFinisher {
  readonly #options: BatchFinisherOptions;
  readonly #bell = new Bell();
  readonly #stopping = new AbortController();
  /** False while no batch is open: then ends of jobs concern nobody here. */
  #hasBatches = true;
  #loop: Promise<void> | undefined;
  #unsubscribe: (() => void) | undefined;

  constructor(options: BatchFinisherOptions) {
    this.#options = options;
  }

  start(): void {
    if (this.#loop) return;
    this.#unsubscribe = this.#options.notifications.subscribe('batches', () => this.#bell.ring());
    this.#loop = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#unsubscribe?.();
    await this.#loop;
  }

  /** A job has ended on this node: it may have been the last of its batch. */
  hint(): void {
    if (this.#hasBatches) this.#bell.ring();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const isFull = await this.#look();
      await waitFor(BETWEEN_LOOKS_MS, signal);
      if (!isFull) await this.#bell.wait(jitter(this.#options.pollMs), signal);
    }
  }

  /** True when there may be more to end at once. */
  async #look(): Promise<boolean> {
    const { db, log } = this.#options;
    try {
      const open = await listUnsettledBatches(db, LIMIT);
      this.#hasBatches = open.length > 0;
      if (!this.#hasBatches) return false;
      for (const { num, isCancelled } of open) if (isCancelled) await cancelRestOfBatch(this.#options.context, num);
      await noteFirstOutputs(db, LIMIT);
      const settled = await settleBatches(db, LIMIT);
      // Their callbacks are due.
      if (settled.length > 0) this.#options.notifications.publish('deliveries', 0);
      for (const { id, status } of settled) log.info({ batch: id, status }, 'batch ended');
      return settled.length === LIMIT;
    } catch (error) {
      if (!isDatabaseUnavailable(error)) log.error({ err: error }, 'ending batches failed');
      return false;
    }
  }
}
