import type { Logger } from 'pino';
import type { Queryable } from '../storage/database.ts';
import { claimJobs, promoteSessions } from '../storage/jobs.ts';
import { EVERYTHING, type Notifications } from '../storage/notifications.ts';
import type { NodeLease } from './node-lease.ts';
import { Poller } from './poller.ts';
import type { Runner } from './runner.ts';
import { jitter } from './wait.ts';

export interface DispatcherOptions {
  readonly db: Queryable;
  readonly log: Logger;
  readonly notifications: Notifications;
  readonly lease: NodeLease;
  readonly runner: Runner;
  /** Jobs of one tenant at once over all nodes, where the tenant has no limit of its own. */
  readonly tenantCap: number;
  /** Longest time between two looks when nobody rings. */
  readonly pollMs: number;
}

/** Lanes that one claim looks at: 64 keep a claim under 4 ms with 1,000 busy lanes (docs/decisions/0001). */
const WINDOW_LANES = 64;
/** Most jobs of one claim; bounds how long a new tenant's first job waits behind a running claim (docs/decisions/0003). */
const MAX_CLAIM = 50;
const MAX_HINTS = 64;
const PROMOTE_LIMIT = 500;
/** Time before the tenants that another claim held are looked at again; without jitter two nodes would meet there for ever. */
const CONTENDED_MS = 20;
/** Time between two looks for a lease to claim under. */
const NO_LEASE_MS = 50;

/** Brings due work to this node: promotes sessions whose time has come, claims while there are slots, then waits for the bell. */
export class Dispatcher {
  readonly #options: DispatcherOptions;
  readonly #poller: Poller;
  readonly #hints = new Set<number>();
  #unsubscribe: (() => void) | undefined;
  #afterLane = 0;
  #promoteAtMs = 0;
  #lastLookAtMs = 0;

  constructor(options: DispatcherOptions) {
    this.#options = options;
    const { log } = options;
    this.#poller = new Poller({
      log,
      failure: 'claiming failed',
      look: async (signal) => await this.#look(signal),
      onUnavailable: (error) => log.warn({ err: error }, 'the database is away; claiming goes on when it is back'),
    });
  }

  /** True while looking for work succeeds, also with no slot for any: the last look is not older than a few polls. For /readyz. */
  get isClaiming(): boolean {
    return this.#poller.hasStarted && performance.now() - this.#lastLookAtMs < this.#options.pollMs * 5 + 1_000;
  }

  start(): void {
    if (this.#poller.hasStarted) return;
    this.#unsubscribe = this.#options.notifications.subscribe('lanes', (key) => this.#hint(key));
    this.#options.runner.onFreeSlot(() => this.#poller.ring());
    this.#poller.start();
  }

  /** Claims nothing any more. */
  async stop(): Promise<void> {
    this.#unsubscribe?.();
    await this.#poller.stop();
  }

  #hint(key: string): void {
    const lane = key === EVERYTHING ? 0 : Number(key);
    // 0: no lane has work yet, but a session's time was set: look at the clock again.
    if (lane === 0) this.#promoteAtMs = 0;
    else if (this.#hints.size < MAX_HINTS) this.#hints.add(lane);
    this.#poller.ring();
  }

  /** One look; how long the next may wait. */
  async #look(signal: AbortSignal): Promise<number> {
    const { runner, lease, db, tenantCap } = this.#options;
    const nodeId = lease.nodeId;
    if (nodeId === undefined) return this.#idleMs();
    if (performance.now() >= this.#promoteAtMs) await this.#promote();
    // The journal frees slots in batches: one turn of the event loop sees them all.
    await new Promise(setImmediate);
    const slots = Math.min(runner.freeSlots, MAX_CLAIM);
    // What came while the node was told to stop is for another one.
    if (slots <= 0 || signal.aborted) {
      this.#lastLookAtMs = performance.now();
      return this.#idleMs();
    }
    const hintedLanes = [...this.#hints];
    this.#hints.clear();
    const claim = await claimJobs(db, {
      nodeId,
      slots,
      afterLane: this.#afterLane,
      hintedLanes,
      tenantCap,
      windowLanes: WINDOW_LANES,
    });
    this.#lastLookAtMs = performance.now();
    // The answer is about the lease that it was asked with: what came after that lease is for the rescuer, under no other id.
    if (lease.nodeId !== nodeId) return this.#idleMs();
    if (claim.isLost) {
      lease.declareLost();
      return this.#idleMs();
    }
    this.#afterLane = claim.hasWrapped ? 0 : claim.cursorLane;
    for (const job of claim.jobs) runner.run(job);
    if (claim.jobs.length > 0 || !claim.hasWrapped) return 0;
    // The other node may be full by now, and nobody would ring for what it left.
    return claim.isContended ? jitter(CONTENDED_MS) : this.#idleMs();
  }

  async #promote(): Promise<void> {
    const promotion = await promoteSessions(this.#options.db, PROMOTE_LIMIT);
    const waitMs = promotion.nextInMs ?? Number.POSITIVE_INFINITY;
    const isFull = promotion.promoted === PROMOTE_LIMIT;
    this.#promoteAtMs = performance.now() + (isFull ? 0 : Math.max(1, Math.min(waitMs, this.#options.pollMs)));
  }

  #idleMs(): number {
    // The clock of the delayed jobs stands still without a lease: it must not keep this loop awake.
    if (this.#options.lease.nodeId === undefined) return Math.min(this.#options.pollMs, NO_LEASE_MS);
    return Math.max(1, Math.min(jitter(this.#options.pollMs), this.#promoteAtMs - performance.now()));
  }
}
