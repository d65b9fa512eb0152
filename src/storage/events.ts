import type { EventType, SessionEvent } from '../core/event.ts';
import type { Queryable } from './database.ts';

interface EventRow {
  seq: number;
  job_id: string | null;
  type: EventType;
  data: Record<string, unknown>;
  at: Date;
  role: 'user' | 'assistant' | null;
  content: unknown;
}

/** A stretch of a session's log after `afterSeq`, at most `limit` entries, without gaps. */
export const readEvents = async (
  db: Queryable,
  stretch: { readonly sessionNum: number; readonly afterSeq: number; readonly limit: number },
): Promise<SessionEvent[]> => {
  const rows = await db.query<EventRow>('events/read', [stretch.sessionNum, stretch.afterSeq, stretch.limit]);
  return rows.map(toEvent);
};

/** The events of one job after `afterSeq`, at most `limit`; those of the session's other jobs are left out. */
export const readJobEvents = async (
  db: Queryable,
  stretch: {
    readonly sessionNum: number;
    readonly jobId: string;
    readonly afterSeq: number;
    readonly limit: number;
  },
): Promise<SessionEvent[]> => {
  const { sessionNum, afterSeq, limit, jobId } = stretch;
  const rows = await db.query<EventRow>('events/read-job', [sessionNum, afterSeq, limit, jobId]);
  return rows.map(toEvent);
};

const toEvent = (row: EventRow): SessionEvent => ({
  seq: row.seq,
  jobId: row.job_id,
  type: row.type,
  data: row.data,
  at: row.at,
  message: row.role === null ? null : { role: row.role, content: row.content },
});

/** Newest seq of each of these sessions' logs, by session num. */
export const newestSeqs = async (
  db: Queryable,
  sessionNums: readonly number[],
): Promise<ReadonlyMap<number, number>> => {
  const rows = await db.query<{ num: number; newest: number }>('events/newest', [sessionNums]);
  return new Map(rows.map((row) => [row.num, row.newest]));
};

/** First kept and newest seq of a session's log; first is null when nothing is kept. */
export const eventBounds = async (
  db: Queryable,
  sessionNum: number,
): Promise<{ readonly first: number | null; readonly newest: number } | undefined> => {
  const [row] = await db.query<{ first: number | null; newest: number }>('events/bounds', [sessionNum]);
  return row;
};

/** Forgets events that are older, of at most so many sessions without open work; gives how many sessions had some. */
export const pruneEvents = async (
  db: Queryable,
  limits: { readonly olderThanMs: number; readonly sessions: number },
): Promise<number> => {
  const [row] = await db.query<{ sessions: number }>('events/prune', [limits.olderThanMs, limits.sessions]);
  return row?.sessions ?? 0;
};
