import pg from 'pg';
import { KaziError } from '../core/errors.ts';
import { pendingMigrations } from './migrate.ts';

const CONNECT_MS = 5_000;
const OLDEST_POSTGRES = 150_000;

/** What a start would meet: the server's version and the migrations that it would apply. Changes nothing. */
export interface DatabaseCondition {
  readonly version: string;
  readonly pending: readonly string[];
}

/** Looks at a database for `kazi doctor`. Throws MIGRATION_REFUSED as a start would, and what the connection throws. */
export const inspectDatabase = async (url: string): Promise<DatabaseCondition> => {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'kazi doctor',
    connectionTimeoutMillis: CONNECT_MS,
  });
  await client.connect();
  try {
    const { rows } = await client.query<{ number: string; version: string }>(
      `select current_setting('server_version_num') as number, current_setting('server_version') as version`,
    );
    const [row] = rows;
    if (row === undefined || Number(row.number) < OLDEST_POSTGRES) {
      const message = `Found PostgreSQL ${row?.version ?? 'of unknown version'}, expected 15 or newer. Upgrade the server or point DATABASE_URL at another one.`;
      throw new KaziError('MIGRATION_REFUSED', { message });
    }
    return { version: row.version, pending: await pendingMigrations(url) };
  } finally {
    await client.end();
  }
};
