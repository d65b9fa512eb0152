import type { Logger } from 'pino';
import { claimDue } from '../actions/claim-due.ts';
import type { ActionContext } from '../actions/context.ts';
import { fireInOrder } from '../actions/fire-in-order.ts';
import { RuleBook } from '../core/schedule/rule-book.ts';
import { type Database, isDatabaseUnavailable } from '../storage/database.ts';
import type { Notifications } from '../storage/notifications.ts';
import { finishRuns, nextFireIn, type PendingRun, takeOverRuns } from '../storage/schedule-runs.ts';
import { Poller } from './poller.ts';
import { jitter } from './wait.ts';

export interface SchedulerOptions {
  /** Jobs are made through it. */
  readonly context: ActionContext;
  /** The engine's own connections: due times are claimed on them. */
  readonly db: Database;
  readonly log: Logger;
  readonly notifications: Notifications;
  /** How long others leave a claimed run alone. */
  readonly leaseMs: number;
  /** Longest time between two looks. */
  readonly pollMs: number;
}

/** Schedules that one claim takes: a due second of 1,000 is ten short transactions. */
const BATCH = 100;
/** Batches whose jobs are made at once; more would only wait for each other. */
const MAX_IN_FLIGHT = 3;
/** Between two looks at a due time that somebody else has locked, or that the timer met too early. */
const LEAST_WAIT_MS = 2;

/** Fires schedules when they are due. Every node runs one; a due time is claimed by one of them. */
export class Scheduler {
  readonly #options: SchedulerOptions;
  readonly #poller: Poller;
  readonly #rules = new RuleBook();
  readonly #inFlight = new Set<Promise<void>>();
  #unsubscribe: (() => void) | undefined;

  constructor(options: SchedulerOptions) {
    this.#options = options;
    this.#poller = new Poller({
      log: options.log,
      failure: 'looking for due schedules failed',
      look: async () => {
        if (this.#inFlight.size >= MAX_IN_FLIGHT) await Promise.race(this.#inFlight);
        return await this.#look();
      },
    });
  }

  start(): void {
    this.#unsubscribe ??= this.#options.notifications.subscribe('schedules', () => this.#poller.ring());
    this.#poller.start();
  }

  /** Claims no more; what it has claimed gets its jobs. Safe twice. */
  async stop(): Promise<void> {
    this.#unsubscribe?.();
    await this.#poller.stop();
    await Promise.all(this.#inFlight);
  }

  /** One look; how long the next may wait. */
  async #look(): Promise<number> {
    const { db, leaseMs, pollMs } = this.#options;
    const longest = jitter(pollMs);
    const claim = { now: null, tenantId: null, limit: BATCH, leaseMs, rules: this.#rules };
    const { scanned, runs } = await claimDue(db, claim);
    this.#fire(runs);
    if (scanned === BATCH) return 0;
    const taken = await takeOverRuns(db, BATCH, leaseMs);
    this.#fire(taken);
    if (taken.length === BATCH) return 0;
    const nextMs = await nextFireIn(db);
    return nextMs === null ? longest : Math.min(longest, Math.max(LEAST_WAIT_MS, Math.ceil(nextMs)));
  }

  /** Beside the loop: a job that is slow to make does not hold up what is due next. */
  #fire(runs: readonly PendingRun[]): void {
    if (runs.length === 0) return;
    const firing = this.#fireAll(runs).finally(() => this.#inFlight.delete(firing));
    this.#inFlight.add(firing);
  }

  async #fireAll(runs: readonly PendingRun[]): Promise<void> {
    const { context, db, log, leaseMs } = this.#options;
    const ends = await fireInOrder(context, runs, leaseMs);
    for (const { outcome, reason, scheduleId } of ends) {
      if (outcome !== 'fired') log.warn({ schedule: scheduleId, outcome, reason }, 'a schedule did not fire');
    }
    try {
      if (ends.length > 0) await finishRuns(db, ends);
    } catch (error) {
      // Their jobs exist; whoever takes the runs over finds them.
      if (!isDatabaseUnavailable(error)) log.error({ err: error }, 'the ends of schedule runs were not written');
    }
  }
}
