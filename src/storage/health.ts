import type { Queryable } from './database.ts';
import { readMigrations } from './migrate.ts';

/** Why the database cannot serve this build, one sentence each; empty when it can. Never throws. */
export const databaseFaults = async (db: Queryable): Promise<readonly string[]> => {
  try {
    const [row] = await db.query<{ is_standby: boolean; version: number }>('health');
    const faults: string[] = [];
    if (row?.is_standby) faults.push('The database is a standby and takes no writes.');
    const newest = readMigrations().at(-1)?.version ?? 0;
    if ((row?.version ?? 0) < newest)
      faults.push(`The database has migrations up to ${row?.version}, this build needs ${newest}.`);
    return faults;
  } catch (error) {
    return [`The database is not reachable: ${error instanceof Error ? error.message : String(error)}`];
  }
};
