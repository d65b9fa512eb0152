import type { SessionEvent } from '../core/event.ts';
import type { Job } from '../core/job.ts';
import { hasEnded, isEndOfJob } from '../core/job-end.ts';
import type { Queryable } from '../storage/database.ts';
import { readJobEvents } from '../storage/events.ts';
import { checkCursor } from './check-cursor.ts';
import type { EventHub } from './event-hub.ts';

/** A job whose events somebody may read, and where they stand. */
export interface JobCursor {
  readonly job: Pick<Job, 'id' | 'sessionNum' | 'firstSeq' | 'state' | 'isHeld'>;
  /** Null = from the beginning. */
  readonly afterSeq: number | null;
}

export interface EventPage {
  readonly events: readonly SessionEvent[];
  /** Where the next page begins; the same as before while nothing new is there. */
  readonly nextAfter: number;
}

/** One page of a job's events. Throws as followJob does. */
export const readJobPage = async (
  db: Queryable,
  cursor: JobCursor & { readonly limit: number },
): Promise<EventPage> => {
  await checkCursor(db, { sessionNum: cursor.job.sessionNum, afterSeq: cursor.afterSeq });
  const afterSeq = startOf(cursor);
  const { id: jobId, sessionNum } = cursor.job;
  const events = await readJobEvents(db, { sessionNum, jobId, afterSeq, limit: cursor.limit });
  return { events, nextAfter: events.at(-1)?.seq ?? afterSeq };
};

/**
 * The events of one job after the cursor, in batches, to the end of the job; none at all when that is already
 * behind the cursor. Throws INVALID_REQUEST for a cursor that the log has not reached, and
 * CURSOR_EXPIRED for one whose successors are no longer kept.
 */
export const followJob = async (
  hub: EventHub,
  db: Queryable,
  cursor: JobCursor & { readonly signal: AbortSignal },
): Promise<AsyncIterable<readonly SessionEvent[]>> => {
  const { job, signal } = cursor;
  // In this order: what is appended after the bounds were read comes after `newest`, where the stream goes on.
  const newest = await checkCursor(db, { sessionNum: job.sessionNum, afterSeq: cursor.afterSeq });
  const afterSeq = startOf(cursor);
  const [first] = await readJobEvents(db, { sessionNum: job.sessionNum, jobId: job.id, afterSeq, limit: 1 });
  if (first === undefined && hasEnded(job)) return nothing();
  // Passes over what other jobs of a long session wrote before.
  const start = first === undefined ? newest : first.seq - 1;
  return untilEnd(hub.follow({ sessionNum: job.sessionNum, afterSeq: start, signal }), job.id);
};

async function* nothing(): AsyncGenerator<readonly SessionEvent[], void, void> {}

async function* untilEnd(
  batches: AsyncIterable<readonly SessionEvent[]>,
  jobId: string,
): AsyncGenerator<readonly SessionEvent[], void, void> {
  for await (const batch of batches) {
    const own = batch.filter((event) => event.jobId === jobId);
    const end = own.findIndex((event) => isEndOfJob(event, jobId));
    if (end >= 0) {
      yield own.slice(0, end + 1);
      return;
    }
    if (own.length > 0) yield own;
  }
}

/** What the session wrote before the job is not read at all. */
const startOf = ({ job, afterSeq }: JobCursor): number => Math.max(afterSeq ?? 0, job.firstSeq - 1);
