import type { Queryable } from './database.ts';

/** A prompt that waits in the queue of its session. */
export interface WaitingPrompt {
  readonly id: string;
  readonly question: string;
  readonly userId: string | null;
  readonly queuedAt: Date;
  readonly expiresAt: Date;
  /** From 1. */
  readonly place: number;
}

/** Prompts of a session that wait and have not expired, in the order in which they will run. */
export const listPrompts = async (db: Queryable, sessionNum: number): Promise<WaitingPrompt[]> => {
  const rows = await db.query<{
    id: string;
    question: string;
    user_id: string | null;
    created_at: Date;
    expires_at: Date;
    place: number;
  }>('prompts/list', [sessionNum]);
  return rows.map((row) => ({
    id: row.id,
    question: row.question,
    userId: row.user_id,
    queuedAt: row.created_at,
    expiresAt: row.expires_at,
    place: row.place,
  }));
};

/** Takes one prompt out of the queue, or all (null); those that have begun stay. Gives how many, and lanes that got work. */
export const removePrompts = async (
  db: Queryable,
  sessionNum: number,
  promptId: string | null,
): Promise<{ readonly removed: number; readonly lanes: readonly number[] }> => {
  const [row] = await db.query<{ removed: number; lanes: number[] }>('prompts/remove', [sessionNum, promptId]);
  return row ?? { removed: 0, lanes: [] };
};

/** Makes a prompt the next one of its session; the lanes that got work, undefined when it does not wait there. */
export const promotePrompt = async (
  db: Queryable,
  sessionNum: number,
  promptId: string,
): Promise<readonly number[] | undefined> => {
  const [row] = await db.query<{ lanes: number[] | null }>('prompts/promote', [sessionNum, promptId]);
  return row?.lanes ?? undefined;
};

/** Takes out prompts whose time is over, at most `limit`. */
export const expirePrompts = async (
  db: Queryable,
  limit: number,
): Promise<{ readonly sessions: readonly number[]; readonly lanes: readonly number[] }> => {
  const [row] = await db.query<{ sessions: number[]; lanes: number[] }>('prompts/expire', [limit]);
  return row ?? { sessions: [], lanes: [] };
};

/** A claim that takes input for its run. */
export interface InputTaker {
  readonly sessionNum: number;
  readonly jobId: string;
  readonly leaseId: number;
}

/** Gives a run what waits for it, for good: it comes before the step with that ordinal. Nothing for a claim that is lost. */
export const takeInputs = async (db: Queryable, taker: InputTaker, ordinal: number): Promise<readonly string[]> => {
  const { sessionNum, jobId, leaseId } = taker;
  const rows = await db.query<{ text: string }>('prompts/take-inputs', [sessionNum, jobId, leaseId, ordinal]);
  return rows.map(({ text }) => text);
};

/** What earlier attempts of a run took, in order, with the steps before which it came. */
export const listTakenInputs = async (
  db: Queryable,
  { sessionNum, jobId }: Pick<InputTaker, 'sessionNum' | 'jobId'>,
): Promise<readonly { readonly ordinal: number; readonly text: string }[]> =>
  await db.query<{ ordinal: number; text: string }>('prompts/taken-inputs', [sessionNum, jobId]);
