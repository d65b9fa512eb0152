import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { noteDependent } from './dependents.ts';

/** Looks into the database of the servers under test; counts come as text, as the driver gives them. */
export type Rows = <Row = Record<string, unknown>>(sql: string, parameters?: readonly unknown[]) => Promise<Row[]>;

const RETRY_MS = 100;
const MOST_TRIES = 600;

const readers = new Map<string, Rows>();

/**
 * Reads on one connection for each database, which goes with it, and is made anew when it breaks: to make one costs more than
 * most reads. Waits for a database that is away for the moment.
 */
export const rowsOf = (databaseUrl: string): Rows => {
  const known = readers.get(databaseUrl);
  if (known) return known;
  let connecting: Promise<pg.Client> | undefined;
  noteDependent(databaseUrl, async () => {
    readers.delete(databaseUrl);
    await close(connecting);
  });
  const rows: Rows = async <Row>(sql: string, parameters: readonly unknown[] = []): Promise<Row[]> => {
    for (let tried = 1; ; tried += 1) {
      connecting ??= connect(databaseUrl);
      const mine = connecting;
      try {
        return (await (await mine).query(sql, [...parameters])).rows as Row[];
      } catch (error) {
        const isDefect = error instanceof pg.DatabaseError && !/^(57P|53300)/.test(error.code ?? '');
        if (isDefect) throw error;
        if (connecting === mine) connecting = undefined;
        await close(mine);
        if (tried === MOST_TRIES) throw error;
        await delay(RETRY_MS);
      }
    }
  };
  readers.set(databaseUrl, rows);
  return rows;
};

const connect = async (databaseUrl: string): Promise<pg.Client> => {
  const client = new pg.Client({ connectionString: databaseUrl, application_name: 'kazi tests' });
  // The query that is cut off tells of it; the event alone would end the process.
  client.on('error', () => undefined);
  await client.connect();
  return client;
};

const close = async (connecting: Promise<pg.Client> | undefined): Promise<void> => {
  const client = await connecting?.catch(() => undefined /* it never connected */);
  await client?.end().catch(() => undefined /* it is gone */);
};

/** Resolves when every job has ended, with how many there are; rejects at the deadline with what still has not. */
export const allJobsEnded = async (query: Rows, deadlineMs: number): Promise<number> => {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const [counts] = await query<{ open: string; total: string }>(
      `select count(*) filter (where state in ('queued', 'running') or lease_id is not null) as open, count(*) as total from jobs`,
    );
    if (counts?.open === '0') return Number(counts.total);
    if (performance.now() > end)
      throw new Error(`${counts?.open} of ${counts?.total} jobs had not ended after ${deadlineMs} ms`);
    await delay(RETRY_MS);
  }
};

/** Resolves when so many jobs have started their first step, and so many have finished one; rejects at the deadline. */
export const allSteps = async (
  query: Rows,
  wanted: { readonly started: number; readonly finished?: number },
  deadlineMs: number,
): Promise<void> => {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const [counts] = await query<{ started: string; finished: string }>(
      `select count(distinct job_id) as started, count(distinct job_id) filter (where state = 'finished') as finished from steps`,
    );
    if (Number(counts?.started) >= wanted.started && Number(counts?.finished) >= (wanted.finished ?? 0)) return;
    if (performance.now() > end) throw new Error(`found ${JSON.stringify(counts)}, expected ${JSON.stringify(wanted)}`);
    await delay(RETRY_MS);
  }
};
