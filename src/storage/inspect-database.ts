import { pendingMigrations, requireSupportedServer } from './migrate.ts';
import { withConnection } from './with-connection.ts';

const CONNECT_MS = 5_000;

/** What a start would meet: the server's version and the migrations that it would apply. Changes nothing. */
export interface DatabaseCondition {
  readonly version: string;
  readonly pending: readonly string[];
}

/** Looks at a database for `kazi doctor`. Throws MIGRATION_REFUSED as a start would, and what the connection throws. */
export const inspectDatabase = async (url: string): Promise<DatabaseCondition> => {
  return await withConnection({ url, name: 'kazi doctor', connectMs: CONNECT_MS }, async (client) => {
    const { rows } = await client.query<{ number: string; version: string }>(
      `select current_setting('server_version_num') as number, current_setting('server_version') as version`,
    );
    const version = rows[0]?.version ?? 'of unknown version';
    requireSupportedServer({ number: Number(rows[0]?.number ?? 0), version });
    return { version, pending: await pendingMigrations(url) };
  });
};
