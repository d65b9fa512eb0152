import type { Logger } from 'pino';
import { isDatabaseUnavailable, type Queryable } from '../storage/database.ts';
import { claimJobs, promoteSessions } from '../storage/jobs.ts';
import { EVERYTHING, type Notifications } from '../storage/notifications.ts';
import type { NodeLease } from './node-lease.ts';
import type { Runner } from './runner.ts';
import { Bell, jitter, waitFor } from './wait.ts';

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
  readonly #bell = new Bell();
  readonly #hints = new Set<number>();
  readonly #stopping = new AbortController();
  #loop: Promise<void> | undefined;
  #unsubscribe: (() => void) | undefined;
  #afterLane = 0;
  #promoteAtMs = 0;
  #lastLookAtMs = 0;

  constructor(options: DispatcherOptions) {
    this.#options = options;
  }

  /** True while looking for work succeeds, also with no slot for any: the last look is not older than a few polls. For /readyz. */
  get isClaiming(): boolean {
    return this.#loop !== undefined && performance.now() - this.#lastLookAtMs < this.#options.pollMs * 5 + 1_000;
  }

  start(): void {
    if (this.#loop) return;
    this.#unsubscribe = this.#options.notifications.subscribe('lanes', (key) => this.#hint(key));
    this.#options.runner.onFreeSlot(() => this.#bell.ring());
    this.#loop = this.#run();
  }

  /** Claims nothing any more. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#unsubscribe?.();
    await this.#loop;
  }

  #hint(key: string): void {
    const lane = key === EVERYTHING ? 0 : Number(key);
    // 0: no lane has work yet, but a session's time was set: look at the clock again.
    if (lane === 0) this.#promoteAtMs = 0;
    else if (this.#hints.size < MAX_HINTS) this.#hints.add(lane);
    this.#bell.ring();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    let failures = 0;
    while (!signal.aborted) {
      try {
        const hasMore = await this.#turn();
        failures = 0;
        if (!hasMore) await this.#bell.wait(this.#idleMs(), signal);
      } catch (error) {
        failures += 1;
        this.#logFailure(error, failures);
        await waitFor(jitter(Math.min(1_000, 50 * 2 ** failures)), signal);
      }
    }
  }

  /** One look; true when there may be more to claim at once. */
  async #turn(): Promise<boolean> {
    const { runner, lease, db, tenantCap } = this.#options;
    const nodeId = lease.nodeId;
    if (nodeId === undefined) return false;
    if (performance.now() >= this.#promoteAtMs) await this.#promote();
    // The journal frees slots in batches: one turn of the event loop sees them all.
    await new Promise(setImmediate);
    const slots = Math.min(runner.freeSlots, MAX_CLAIM);
    // What came while the node was told to stop is for another one.
    if (slots <= 0 || this.#stopping.signal.aborted) {
      this.#lastLookAtMs = performance.now();
      return false;
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
    if (lease.nodeId !== nodeId) return false;
    if (claim.isLost) {
      lease.declareLost();
      return false;
    }
    this.#afterLane = claim.hasWrapped ? 0 : claim.cursorLane;
    for (const job of claim.jobs) runner.run(job);
    if (claim.jobs.length > 0 || !claim.hasWrapped) return true;
    // The other node may be full by now, and nobody would ring for what it left.
    if (claim.isContended) await this.#bell.wait(jitter(CONTENDED_MS), this.#stopping.signal);
    return claim.isContended;
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

  #logFailure(error: unknown, failures: number): void {
    const { log } = this.#options;
    if (!isDatabaseUnavailable(error)) log.error({ err: error }, 'claiming failed');
    else if (failures === 1) log.warn({ err: error }, 'the database is away; claiming goes on when it is back');
  }
}
