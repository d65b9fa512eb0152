import type { Logger } from 'pino';
import type { ActionContext } from '../actions/context.ts';
import { sweepForks } from '../actions/fork-session.ts';
import { closeBudgets, listOrphanBudgets } from '../storage/budgets.ts';
import { isDatabaseUnavailable, type Queryable } from '../storage/database.ts';
import { pruneEvents } from '../storage/events.ts';
import { pruneKeptAnswers } from '../storage/idempotency.ts';
import { pruneModelBatches } from '../storage/model-requests.ts';
import { pruneNodes } from '../storage/nodes.ts';
import { pruneRequestCounts } from '../storage/request-counts.ts';
import { pruneScheduleRuns } from '../storage/schedule-runs.ts';
import { pruneSessionKeys } from '../storage/sessions.ts';
import { pruneDeliveries } from '../storage/webhook-log.ts';
import { jitter, waitFor } from './wait.ts';

const EVERY_MS = 600_000;
const ANSWERS_LIMIT = 10_000;
const SESSIONS_LIMIT = 1_000;
/** Each may have ten thousand requests. */
const BATCHES_LIMIT = 50;
/** How long the logs of schedules and of webhook endpoints, and batches of model calls, are kept. */
const LOG_DAYS = 90;
/** A job that was admitted so long ago is not on its way any more. */
const ORPHAN_MS = 600_000;

export interface PrunerOptions {
  readonly db: Queryable;
  readonly log: Logger;
  readonly context: Pick<ActionContext, 'workspaceForks'>;
  /** Null = events are kept for good. */
  readonly eventRetentionMs: number | null;
}

/**
 * Forgets what has expired: kept answers and counts of requests, names of sessions, long-dead nodes, old runs of schedules, old
 * deliveries to endpoints, ended batches of model calls, money held for jobs that never came, workspaces of forks that a crash
 * cut short, and events that the operator does not keep.
 */
export class Pruner {
  readonly #db: Queryable;
  readonly #log: Logger;
  readonly #context: PrunerOptions['context'];
  readonly #eventRetentionMs: number | null;
  readonly #stopping = new AbortController();
  #loop: Promise<void> | undefined;

  constructor(options: PrunerOptions) {
    this.#db = options.db;
    this.#log = options.log;
    this.#context = options.context;
    this.#eventRetentionMs = options.eventRetentionMs;
  }

  start(): void {
    this.#loop ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await waitFor(jitter(EVERY_MS), signal);
      if (signal.aborted) return;
      try {
        await closeBudgets(this.#db, await listOrphanBudgets(this.#db, { minAgeMs: ORPHAN_MS, limit: ANSWERS_LIMIT }));
        await pruneKeptAnswers(this.#db, ANSWERS_LIMIT);
        await pruneSessionKeys(this.#db);
        await pruneRequestCounts(this.#db, ANSWERS_LIMIT);
        await sweepForks({ ...this.#context, db: this.#db });
        await pruneNodes(this.#db);
        await this.#forgetEvents();
        await pruneScheduleRuns(this.#db, LOG_DAYS, ANSWERS_LIMIT);
        await pruneDeliveries(this.#db, LOG_DAYS, ANSWERS_LIMIT);
        await pruneModelBatches(this.#db, LOG_DAYS, BATCHES_LIMIT);
      } catch (error) {
        if (!isDatabaseUnavailable(error)) this.#log.error({ err: error }, 'pruning failed');
      }
    }
  }
  async #forgetEvents(): Promise<void> {
    const olderThanMs = this.#eventRetentionMs;
    if (olderThanMs === null) return;
    while (!this.#stopping.signal.aborted) {
      const sessions = await pruneEvents(this.#db, { olderThanMs, sessions: SESSIONS_LIMIT });
      if (sessions < SESSIONS_LIMIT) return;
    }
  }
}
