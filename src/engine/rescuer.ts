import type { Logger } from 'pino';
import { isDatabaseUnavailable, type Queryable } from '../storage/database.ts';
import { rescueJobs } from '../storage/held-jobs.ts';
import { listSignedNodes, retireNode } from '../storage/nodes.ts';
import { EVERYTHING, type Notifications } from '../storage/notifications.ts';
import type { LifeSign } from './life-sign.ts';
import { jitter, waitFor } from './wait.ts';

export interface RescuerOptions {
  readonly db: Queryable;
  readonly log: Logger;
  readonly notifications: Notifications;
  readonly lifeSign: LifeSign;
  readonly maxAttempts: number;
  /** Time between two looks: what a pick-up may take beyond the lease. */
  readonly everyMs: number;
}

const LIMIT = 500;

/** Takes back what dead nodes hold. Every node runs one; they do not get into each other's way. */
export class Rescuer {
  readonly #options: RescuerOptions;
  readonly #stopping = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(options: RescuerOptions) {
    this.#options = options;
  }

  /** Resolves after the first look, so that what dead nodes held is claimed before what only waits. */
  async start(): Promise<void> {
    if (this.#loop) return;
    const first = this.#look();
    this.#loop = first.then(async (isFull) => await this.#run(isFull));
    await first;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
  }

  async #run(wasFull: boolean): Promise<void> {
    const { signal } = this.#stopping;
    for (let isFull = wasFull; !signal.aborted; isFull = await this.#look()) {
      if (!isFull) await waitFor(jitter(this.#options.everyMs), signal);
    }
  }

  /** One rescue; true when there is more to take back at once. */
  async #look(): Promise<boolean> {
    try {
      return await this.#rescue();
    } catch (error) {
      if (!isDatabaseUnavailable(error)) this.#options.log.error({ err: error }, 'rescuing failed');
      return false;
    }
  }

  async #rescue(): Promise<boolean> {
    const { db, log, notifications, maxAttempts } = this.#options;
    await this.#retireDead();
    const result = await rescueJobs(db, { limit: LIMIT, maxAttempts });
    if (result.dead.length > 0) log.warn({ nodes: result.dead }, 'nodes lost their leases');
    if (result.released > 0) log.warn({ jobs: result.released }, 'jobs of lost nodes were taken back');
    for (const session of result.sessions) notifications.publish('events', session);
    for (const lane of result.lanes) notifications.publish('lanes', lane);
    // Those that were given up, or canceled before, have ended with this.
    if (result.released > 0) notifications.publish('deliveries', EVERYTHING);
    return result.released === LIMIT;
  }

  /** Ends the leases of nodes whose processes are gone for certain: a start on the same folder goes on at once. */
  async #retireDead(): Promise<void> {
    const { db, log, lifeSign } = this.#options;
    if (lifeSign.name === null) return;
    const nodes = await listSignedNodes(db);
    const dead = new Set(nodes.map((node) => node.lifeSign).filter((sign) => lifeSign.isOfDead(sign)));
    for (const node of nodes) {
      if (!dead.has(node.lifeSign)) continue;
      await retireNode(db, node.nodeId);
      log.warn({ node: node.nodeId }, 'a node died; its lease is not waited for');
    }
    // A process that lost a lease has been several nodes under one sign: only now is it of no more use.
    for (const sign of dead) lifeSign.forget(sign);
  }
}
