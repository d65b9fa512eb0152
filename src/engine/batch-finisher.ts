import type { Logger } from 'pino';
import { cancelRestOfBatch } from '../actions/cancel-batch.ts';
import type { ActionContext } from '../actions/context.ts';
import { listUnsettledBatches, noteFirstOutputs, settleBatches } from '../storage/batch-ends.ts';
import type { Queryable } from '../storage/database.ts';
import type { Notifications } from '../storage/notifications.ts';
import { Poller } from './poller.ts';
import { jitter, waitFor } from './wait.ts';

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
  readonly #poller: Poller;
  /** False while no batch is open: then ends of jobs concern nobody here. */
  #hasBatches = true;
  #unsubscribe: (() => void) | undefined;

  constructor(options: BatchFinisherOptions) {
    this.#options = options;
    this.#poller = new Poller({
      log: options.log,
      failure: 'ending batches failed',
      look: async (signal) => {
        const isFull = await this.#look();
        await waitFor(BETWEEN_LOOKS_MS, signal);
        return isFull ? 0 : jitter(options.pollMs);
      },
    });
  }

  start(): void {
    this.#unsubscribe ??= this.#options.notifications.subscribe('batches', () => this.#poller.ring());
    this.#poller.start();
  }

  async stop(): Promise<void> {
    this.#unsubscribe?.();
    await this.#poller.stop();
  }

  /** A job has ended on this node: it may have been the last of its batch. */
  hint(): void {
    if (this.#hasBatches) this.#poller.ring();
  }

  /** True when there may be more to end at once. */
  async #look(): Promise<boolean> {
    const { context, db, log, notifications } = this.#options;
    const open = await listUnsettledBatches(db, LIMIT);
    this.#hasBatches = open.length > 0;
    if (!this.#hasBatches) return false;
    for (const { num, isCancelled } of open) if (isCancelled) await cancelRestOfBatch(context, num);
    await noteFirstOutputs(db, LIMIT);
    const settled = await settleBatches(db, LIMIT);
    // Their callbacks are due.
    if (settled.length > 0) notifications.publish('deliveries', 0);
    for (const { id, status } of settled) log.info({ batch: id, status }, 'batch ended');
    return settled.length === LIMIT;
  }
}
