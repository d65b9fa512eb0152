import type { ContentBlock } from '../core/journal.ts';
import type { Queryable } from './database.ts';

/** What was said in a session. */
export interface Message {
  readonly id: string;
  readonly role: 'user' | 'assistant';
  readonly content: readonly ContentBlock[];
  readonly createdAt: Date;
}

/** The messages of one job: its input, once it has started, and its answers. */
export const listJobMessages = async (db: Queryable, jobId: string): Promise<Message[]> => {
  const rows = await db.query<{ id: string; role: Message['role']; content: ContentBlock[]; created_at: Date }>(
    'messages/list-job',
    [jobId],
  );
  return rows.map((row) => ({ id: row.id, role: row.role, content: row.content, createdAt: row.created_at }));
};

/** A message with its place in the log of its session. */
export interface PlacedMessage extends Message {
  readonly seq: number;
}

/** The messages of a session after `afterSeq`, oldest first, at most `limit`. */
export const listSessionMessages = async (
  db: Queryable,
  stretch: { readonly sessionNum: number; readonly afterSeq: number; readonly limit: number },
): Promise<PlacedMessage[]> => {
  const rows = await db.query<{
    seq: number;
    id: string;
    role: Message['role'];
    content: ContentBlock[];
    created_at: Date;
  }>('messages/list-session', [stretch.sessionNum, stretch.afterSeq, stretch.limit]);
  return rows.map(({ seq, id, role, content, created_at: createdAt }) => ({ seq, id, role, content, createdAt }));
};

/** Something said earlier in the session of a job. */
export interface EarlierMessage {
  readonly seq: number;
  readonly role: 'user' | 'assistant';
  readonly content: readonly ContentBlock[];
}

/** Messages that one look back reads: what no model's window holds anyway is left in the table. */
const MAX_EARLIER_MESSAGES = 2_000;

/** What was said in a session before one of its jobs, whose turn it is: the newest summary, and the messages since then. */
export const readHistory = async (
  db: Queryable,
  job: { readonly id: string; readonly sessionNum: number },
): Promise<{ readonly summary: string | null; readonly messages: EarlierMessage[] }> => {
  const [summaries, messages] = await Promise.all([
    db.query<{ text: string }>('messages/get-summary', [job.sessionNum, job.id]),
    db.query<EarlierMessage>('messages/list-history', [job.sessionNum, job.id, MAX_EARLIER_MESSAGES]),
  ]);
  return { summary: summaries[0]?.text ?? null, messages };
};

/** What was said to an item of a batch at its start, in order. */
export const listInputs = async (db: Queryable, jobId: string): Promise<EarlierMessage[]> =>
  await db.query<EarlierMessage>('messages/list-inputs', [jobId]);
