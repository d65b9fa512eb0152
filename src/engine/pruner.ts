import type { Logger } from 'pino';
import type { ActionContext } from '../actions/context.ts';
import { sweepForks } from '../actions/fork-session.ts';
import { closeBudgets, listOrphanBudgets } from '../storage/budgets.ts';
import type { Queryable } from '../storage/database.ts';
import { pruneEvents } from '../storage/events.ts';
import { pruneKeptAnswers } from '../storage/idempotency.ts';
import { pruneModelBatches } from '../storage/model-requests.ts';
import { pruneNodes } from '../storage/nodes.ts';
import { pruneRequestCounts } from '../storage/request-counts.ts';
import { pruneScheduleRuns } from '../storage/schedule-runs.ts';
import { pruneSessionKeys } from '../storage/sessions.ts';
import { pruneDeliveries } from '../storage/webhook-log.ts';
import { Poller } from './poller.ts';
import { jitter } from './wait.ts';

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
export const createPruner = (options: PrunerOptions): Poller =>
  new Poller({
    log: options.log,
    failure: 'pruning failed',
    firstInMs: jitter(EVERY_MS),
    longestRetryMs: EVERY_MS,
    look: async (signal) => {
      await prune(options, signal);
      return jitter(EVERY_MS);
    },
  });

const prune = async ({ db, context, eventRetentionMs }: PrunerOptions, signal: AbortSignal): Promise<void> => {
  await closeBudgets(db, await listOrphanBudgets(db, { minAgeMs: ORPHAN_MS, limit: ANSWERS_LIMIT }));
  await pruneKeptAnswers(db, ANSWERS_LIMIT);
  await pruneSessionKeys(db);
  await pruneRequestCounts(db, ANSWERS_LIMIT);
  await sweepForks({ ...context, db });
  await pruneNodes(db);
  if (eventRetentionMs !== null) await forgetEvents(db, eventRetentionMs, signal);
  await pruneScheduleRuns(db, LOG_DAYS, ANSWERS_LIMIT);
  await pruneDeliveries(db, LOG_DAYS, ANSWERS_LIMIT);
  await pruneModelBatches(db, LOG_DAYS, BATCHES_LIMIT);
};

const forgetEvents = async (db: Queryable, olderThanMs: number, signal: AbortSignal): Promise<void> => {
  while (!signal.aborted) {
    const sessions = await pruneEvents(db, { olderThanMs, sessions: SESSIONS_LIMIT });
    if (sessions < SESSIONS_LIMIT) return;
  }
};
