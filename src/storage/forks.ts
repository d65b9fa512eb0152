import type { Queryable } from './database.ts';

/** A session number that no other session will ever have: its folder can be made before the session. */
export const reserveSessionNum = async (db: Queryable): Promise<number> => {
  const [row] = await db.query<{ num: number }>('sessions/reserve-num');
  if (!row) throw new Error('reserving a session number returned no row');
  return row.num;
};

/** Makes the session with that number from what the source has committed. Its tenant and user must be known. */
export const forkSession = async (
  tx: Queryable,
  fork: {
    readonly sourceNum: number;
    readonly num: number;
    readonly sessionId: string;
    readonly userId: string | null;
  },
): Promise<void> => {
  await tx.query('sessions/fork', [fork.sourceNum, fork.num, fork.sessionId, fork.userId]);
};

/** Those of the numbers that are sessions. */
export const knownSessionNums = async (db: Queryable, nums: readonly number[]): Promise<ReadonlySet<number>> => {
  const rows = await db.query<{ num: number }>('sessions/list-known', [nums]);
  return new Set(rows.map(({ num }) => num));
};
