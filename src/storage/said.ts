import type { SaidMessage } from '../core/run.ts';
import type { Queryable } from './database.ts';
import type { Stretch } from './profiles.ts';

interface SaidRow {
  id: string;
  role: SaidMessage['role'];
  content: unknown;
  created_at: Date;
  seq: number;
  session_id: string;
  job_id: string | null;
  is_item: boolean | null;
  model: string | null;
  tool_name: string | null;
  name: string | null;
  otid: string | null;
  sender_id: string | null;
  group_id: string | null;
}

const toSaid = (row: SaidRow): SaidMessage => ({
  id: row.id,
  role: row.role,
  content: row.content,
  createdAt: row.created_at,
  seq: row.seq,
  sessionId: row.session_id,
  jobId: row.job_id,
  isItem: row.is_item ?? false,
  model: row.model,
  toolName: row.tool_name,
  name: row.name,
  otid: row.otid,
  senderId: row.sender_id,
  groupId: row.group_id,
});

/** Whose messages are listed. */
export type SaidIn = { readonly sessionNum: number } | { readonly jobId: string };

/** What was said in a session with a profile, or by one of its jobs, by seq. */
export const listSaid = async (db: Queryable, place: SaidIn, stretch: Stretch): Promise<SaidMessage[]> => {
  const { above, below, isNewestFirst, limit } = stretch;
  const [sessionNum, jobId] = 'jobId' in place ? [null, place.jobId] : [place.sessionNum, null];
  const rows = await db.query<SaidRow>('said/list', [sessionNum, jobId, above, below, isNewestFirst, limit]);
  return rows.map(toSaid);
};

/** The seq of a message there; undefined when it is not there. */
export const findSaid = async (db: Queryable, place: SaidIn, messageId: string): Promise<number | undefined> => {
  const [row] =
    'jobId' in place
      ? await db.query<{ seq: number }>('said/place-job', [place.jobId, messageId])
      : await db.query<{ seq: number }>('said/place-session', [place.sessionNum, messageId]);
  return row?.seq;
};

/** Where a message stands in its batch: all that was said to the items, in their order, then what they said, by time. */
export interface BatchPlace {
  readonly part: number;
  /** As the database writes it: its times are finer than a Date. */
  readonly at: string;
  readonly num: number;
  readonly ord: number;
}

/** Undefined for a message that is not of the batch. */
export const findBatchPlace = async (
  db: Queryable,
  batchNum: number,
  messageId: string,
): Promise<BatchPlace | undefined> => {
  const [row] = await db.query<BatchPlace>('said/place-batch', [batchNum, messageId]);
  return row;
};

/** What was said in a batch, between two places. */
export const listBatchSaid = async (
  db: Queryable,
  batchNum: number,
  stretch: {
    readonly sessionNum: number | null;
    readonly above: BatchPlace | null;
    readonly below: BatchPlace | null;
    readonly isNewestFirst: boolean;
    readonly limit: number;
  },
): Promise<SaidMessage[]> => {
  const rows = await db.query<SaidRow>('said/list-batch', [
    batchNum,
    stretch.sessionNum,
    ...toParts(stretch.above),
    ...toParts(stretch.below),
    stretch.isNewestFirst,
    stretch.limit,
  ]);
  return rows.map(toSaid);
};

const toParts = (place: BatchPlace | null): readonly unknown[] =>
  place === null ? [null, null, null, null] : [place.part, place.at, place.num, place.ord];
