import type { JobState } from '../core/job.ts';
import type { Queryable } from './database.ts';

/** What the session of a profile holds, and how its newest job that has ended did. */
export interface ProfileActivity {
  readonly messageIds: readonly string[];
  readonly lastRun: {
    readonly state: JobState;
    readonly startedAt: Date | null;
    readonly completedAt: Date | null;
    readonly canceledAt: Date | null;
    readonly stopReason: string | null;
  } | null;
}

/** By the numbers of the sessions. */
export const readProfileActivity = async (
  db: Queryable,
  sessionNums: readonly number[],
): Promise<ReadonlyMap<number, ProfileActivity>> => {
  const rows = await db.query<{
    session_num: number;
    message_ids: string[];
    state: JobState | null;
    started_at: Date | null;
    completed_at: Date | null;
    canceled_at: Date | null;
    stop_reason: string | null;
  }>('profiles/activity', [sessionNums]);
  return new Map(
    rows.map((row) => [
      row.session_num,
      {
        messageIds: row.message_ids,
        lastRun: row.state && {
          state: row.state,
          startedAt: row.started_at,
          completedAt: row.completed_at,
          canceledAt: row.canceled_at,
          stopReason: row.stop_reason,
        },
      },
    ]),
  );
};
