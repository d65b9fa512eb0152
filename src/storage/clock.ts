import type { Queryable } from './database.ts';

/** The database's time: nodes may disagree about theirs. */
export const readClock = async (db: Queryable): Promise<Date> => {
  const [row] = await db.query<{ now: Date }>('clock');
  if (!row) throw new Error('reading the clock returned no row');
  return row.now;
};
