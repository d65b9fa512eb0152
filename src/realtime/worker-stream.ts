import { KaziError } from '../core/errors.ts';
import { isEndOfJob } from '../core/job-end.ts';
import type { WorkerEvent } from '../core/worker.ts';
import type { Queryable } from '../storage/database.ts';
import { findLastStarted, findTurnStart, getWorkerActivity, listWorkerEvents } from '../storage/worker-log.ts';
import type { EventHub } from './event-hub.ts';

/** Where a reader of a worker stands. */
export interface WorkerCursor {
  readonly sessionNum: number;
  /** The last seq that it has; null = it begins with the turn under way, or the newest one. */
  readonly afterSeq: number | null;
  readonly signal: AbortSignal;
}

export interface WorkerStream {
  /** What the reader has of the turn that its cursor lies in, as far as it is still kept. */
  readonly earlier: readonly WorkerEvent[];
  /** True when it ends by itself without waiting for anything. */
  readonly isFinite: boolean;
  readonly batches: AsyncIterable<readonly WorkerEvent[]>;
}

/** Entries of one query. */
const PAGE_EVENTS = 500;

/**
 * The log of a worker after the cursor, turn after turn, until a turn ends and none waits. A cursor beyond the log counts
 * as its end. Throws WORKER_NOT_FOUND for a session without a job.
 */
export const followWorker = async (hub: EventHub, db: Queryable, cursor: WorkerCursor): Promise<WorkerStream> => {
  const { sessionNum, signal } = cursor;
  const activity = await getWorkerActivity(db, sessionNum);
  if (!activity) throw new KaziError('WORKER_NOT_FOUND');
  const { newestSeq } = activity;
  if (cursor.afterSeq === null) {
    const start = await findTurnStart(db, sessionNum, activity.currentJobId ?? activity.newestJobId);
    // A turn that nothing has happened of yet is told from here on.
    const afterSeq = start === undefined ? newestSeq : start - 1;
    const batches = untilIdle(hub, db, { sessionNum, afterSeq, signal, openJob: null });
    return { earlier: [], isFinite: !activity.isBusy, batches };
  }
  const afterSeq = Math.min(cursor.afterSeq, newestSeq);
  const earlier = await readOpenTurn(db, sessionNum, afterSeq);
  const openJob = openJobAfter(null, earlier);
  const batches = untilIdle(hub, db, { sessionNum, afterSeq, signal, openJob });
  return { earlier, isFinite: !activity.isBusy, batches };
};

/** The turn that the place in the log lies in, from its start; nothing between two turns. */
const readOpenTurn = async (db: Queryable, sessionNum: number, seq: number): Promise<readonly WorkerEvent[]> => {
  const jobId = await findLastStarted(db, sessionNum, seq);
  const start = jobId === undefined ? undefined : await findTurnStart(db, sessionNum, jobId);
  if (jobId === undefined || start === undefined) return [];
  const events: WorkerEvent[] = [];
  for (;;) {
    const afterSeq = events.at(-1)?.seq ?? start - 1;
    const stretch = { sessionNum, afterSeq, untilSeq: seq, withPieces: true, limit: PAGE_EVENTS };
    const page = await listWorkerEvents(db, stretch);
    events.push(...page);
    if (page.length < PAGE_EVENTS) break;
  }
  const own = events.filter((event) => event.jobId === jobId);
  return openJobAfter(null, own) === null ? [] : own;
};

/** The job whose turn is under way after these events. */
const openJobAfter = (before: string | null, events: readonly WorkerEvent[]): string | null => {
  let open = before;
  for (const event of events) {
    if (event.type === 'job.started') open = event.jobId;
    if (open !== null && isEndOfJob(event, open)) open = null;
  }
  return open;
};

async function* untilIdle(
  hub: EventHub,
  db: Queryable,
  from: WorkerCursor & { readonly afterSeq: number; readonly openJob: string | null },
): AsyncGenerator<readonly WorkerEvent[], void, void> {
  const { sessionNum, signal } = from;
  let { afterSeq, openJob } = from;
  const isOver = async (): Promise<boolean> => {
    if (openJob !== null) return false;
    const activity = await getWorkerActivity(db, sessionNum);
    return activity === undefined || (!activity.isBusy && afterSeq >= activity.newestSeq);
  };
  if (await isOver()) return;
  for await (const batch of hub.follow({ sessionNum, afterSeq, signal })) {
    yield batch;
    openJob = openJobAfter(openJob, batch);
    afterSeq = batch.at(-1)?.seq ?? afterSeq;
    if (await isOver()) return;
  }
}
