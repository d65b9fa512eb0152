import type { Logger } from 'pino';
import type { NodeRole } from '../core/node.ts';
import type { Queryable } from '../storage/database.ts';
import { beatNode, registerNode, retireNode } from '../storage/nodes.ts';
import type { LifeSign } from './life-sign.ts';
import { jitter, waitFor } from './wait.ts';

export interface NodeLeaseOptions {
  readonly db: Queryable;
  readonly log: Logger;
  readonly role: NodeRole;
  /** Host and process, for people. */
  readonly address: string;
  readonly leaseMs: number;
  readonly lifeSign: LifeSign;
}

/** Renewals in one lease: two may fail before it runs out. */
const BEATS_PER_LEASE = 3;

/**
 * This node's lease. All its jobs live by the one row, so a renewal costs the same for one job and for ten thousand
 * (0.44 ms against 172 ms for a lease per job, measured in docs/decisions/0001). A lost lease is never taken up again:
 * the listeners stop all work, and the node goes on under a new id.
 */
export class NodeLease {
  readonly #options: NodeLeaseOptions;
  readonly #lostListeners: (() => void)[] = [];
  readonly #stopping = new AbortController();
  #nodeId: number | undefined;
  /** Until when the lease certainly holds, on this process's monotonic clock: counted from before the renewal was sent. */
  #heldUntilMs = 0;
  /** Ends the work in time also when a renewal hangs on a connection that is dead without saying so. */
  #expiry: NodeJS.Timeout | undefined;
  #loop: Promise<void> | undefined;

  constructor(options: NodeLeaseOptions) {
    this.#options = options;
  }

  /** The id to claim under; undefined while there is no lease. */
  get nodeId(): number | undefined {
    return performance.now() < this.#heldUntilMs ? this.#nodeId : undefined;
  }

  /** Called synchronously when the lease is lost, before a new id is taken. */
  onLost(listener: () => void): void {
    this.#lostListeners.push(listener);
  }

  /** Registers the node and keeps its lease; resolves with the first registration. */
  async start(): Promise<void> {
    if (this.#loop) return;
    await this.#register();
    this.#loop = this.#beat();
  }

  /** Gives the lease up. What the node still holds then is taken by the rescuer of another node, or of the next start. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
    clearTimeout(this.#expiry);
    const nodeId = this.#nodeId;
    this.#nodeId = undefined;
    if (nodeId === undefined) return;
    await retireNode(this.#options.db, nodeId).catch((error: unknown) => {
      this.#options.log.warn({ err: error, node: nodeId }, 'the lease could not be given up; it will run out');
    });
  }

  /** For whoever learns first that the lease is gone: a claim that was refused. */
  declareLost(): void {
    if (this.#nodeId === undefined) return;
    this.#options.log.warn({ node: this.#nodeId }, 'lease lost: all work of this node stops');
    this.#nodeId = undefined;
    this.#heldUntilMs = 0;
    clearTimeout(this.#expiry);
    for (const listener of this.#lostListeners) listener();
  }

  async #register(): Promise<void> {
    const sentAtMs = performance.now();
    const { db, lifeSign } = this.#options;
    this.#nodeId = await registerNode(db, { ...this.#options, lifeSign: lifeSign.name });
    this.#hold(sentAtMs);
    this.#options.log.info({ node: this.#nodeId, role: this.#options.role }, 'node registered');
  }

  #hold(sentAtMs: number): void {
    this.#heldUntilMs = sentAtMs + this.#options.leaseMs;
    clearTimeout(this.#expiry);
    this.#expiry = setTimeout(() => this.declareLost(), Math.max(0, this.#heldUntilMs - performance.now()));
  }

  async #beat(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await waitFor(jitter(this.#options.leaseMs / BEATS_PER_LEASE), signal);
      if (signal.aborted) return;
      await this.#renew();
    }
  }

  /** One renewal, repeated quickly while the database is away; a lease that ran out meanwhile is lost. */
  async #renew(): Promise<void> {
    const { db, leaseMs, log } = this.#options;
    const { signal } = this.#stopping;
    for (let failures = 0; !signal.aborted; failures += 1) {
      try {
        const nodeId = this.#nodeId;
        if (nodeId === undefined) {
          await this.#register();
          return;
        }
        const sentAtMs = performance.now();
        const isRenewed = await beatNode(db, nodeId, leaseMs);
        // The answer may have come after the lease was given up, and then it is of no use.
        if (isRenewed && this.#nodeId === nodeId) {
          this.#hold(sentAtMs);
          return;
        }
        this.declareLost();
      } catch (error) {
        if (failures === 0) log.warn({ err: error }, 'the lease could not be renewed; trying again');
        await waitFor(jitter(Math.min(500, leaseMs / 20)), signal);
      }
    }
  }
}
