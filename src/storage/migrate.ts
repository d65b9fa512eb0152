import { readdirSync, readFileSync } from 'node:fs';
import type pg from 'pg';
import type { Logger } from 'pino';
import { KaziError } from '../core/errors.ts';
import { withConnection } from './with-connection.ts';

export interface MigrateOptions {
  readonly databaseUrl: string;
  readonly log: Logger;
}

/** Migrations that this build knows, in order. A file whose first line says `-- breaking` shuts older builds out. */
export interface Migration {
  readonly version: number;
  readonly name: string;
  readonly sql: string;
  readonly isBreaking: boolean;
}

const folder = new URL('../../migrations/', import.meta.url);
const OLDEST_POSTGRES = 150_000;
/** Any number that no other program uses as an advisory lock of this database: the letters "kazi". */
const LOCK = 0x6b617a69;
const APPLICATION = 'kazi migrate';

/** Reads migrations/NNNN_verb_noun.sql. */
export const readMigrations = (): Migration[] =>
  readdirSync(folder)
    .filter((name) => /^\d{4}_[a-z0-9_]+\.sql$/.test(name))
    .toSorted()
    .map((name) => {
      const sql = readFileSync(new URL(name, folder), 'utf8');
      return { version: Number(name.slice(0, 4)), name, sql, isBreaking: sql.startsWith('-- breaking') };
    });

/**
 * Brings the database to this build's schema: one transaction a migration, one node at a time (advisory lock).
 * Throws MIGRATION_REFUSED when the server is older than PostgreSQL 15 or the schema was made by a newer, breaking build.
 */
export const migrate = async (options: MigrateOptions): Promise<{ readonly applied: readonly string[] }> => {
  return await withConnection({ url: options.databaseUrl, name: APPLICATION }, async (client) => {
    await checkServer(client);
    // Another node may be migrating: wait for it as long as it takes. After that, a migration that cannot get its locks
    // soon fails and leaves the database as it was, instead of queueing the whole traffic up behind it.
    await client.query('select pg_advisory_lock($1)', [LOCK]);
    await client.query("set lock_timeout = '10s'");
    await client.query("set statement_timeout = '10min'");
    await client.query(
      `create table if not exists kazi_migrations (
         version integer primary key, name text not null, is_breaking boolean not null,
         applied_at timestamptz not null default clock_timestamp())`,
    );
    return { applied: await applyMissing(client, options.log) };
  });
};

/** Names of the migrations that the database lacks; throws as migrate does. For /readyz and `kazi doctor`. */
export const pendingMigrations = async (databaseUrl: string): Promise<readonly string[]> => {
  return await withConnection({ url: databaseUrl, name: APPLICATION }, async (client) => {
    const table = await client.query<{ name: string | null }>(`select to_regclass('kazi_migrations')::text as name`);
    const done = table.rows[0]?.name ? await appliedVersions(client) : new Set<number>();
    return readMigrations()
      .filter((migration) => !done.has(migration.version))
      .map((migration) => migration.name);
  });
};

const checkServer = async (client: pg.Client): Promise<void> => {
  const result = await client.query<{ number: string; version: string }>(
    `select current_setting('server_version_num') as number, current_setting('server_version') as version`,
  );
  const row = result.rows[0];
  requireSupportedServer({ number: Number(row?.number ?? 0), version: row?.version ?? 'of unknown version' });
};

/** Throws MIGRATION_REFUSED for a server that is older than PostgreSQL 15; `number` is its server_version_num. */
export const requireSupportedServer = (server: { readonly number: number; readonly version: string }): void => {
  if (server.number >= OLDEST_POSTGRES) return;
  throw new KaziError('MIGRATION_REFUSED', {
    message: `Found PostgreSQL ${server.version}, expected 15 or newer. Upgrade the server or point DATABASE_URL at another one.`,
  });
};

const appliedVersions = async (client: pg.Client): Promise<Set<number>> => {
  const result = await client.query<{ version: number; name: string; is_breaking: boolean }>(
    'select version, name, is_breaking from kazi_migrations order by version',
  );
  const known = new Set(readMigrations().map((migration) => migration.version));
  const newer = result.rows.filter((row) => !known.has(row.version) && row.is_breaking);
  if (newer.length > 0) {
    throw new KaziError('MIGRATION_REFUSED', {
      message: `The database was migrated by a newer kazi: found ${newer.map((row) => `"${row.name}"`).join(', ')}, which this build does not know. Start the newer build.`,
    });
  }
  return new Set(result.rows.map((row) => row.version));
};

const applyMissing = async (client: pg.Client, log: Logger): Promise<string[]> => {
  const done = await appliedVersions(client);
  const applied: string[] = [];
  for (const migration of readMigrations()) {
    if (done.has(migration.version)) continue;
    await client.query('begin');
    try {
      await client.query(migration.sql);
      await client.query('insert into kazi_migrations (version, name, is_breaking) values ($1, $2, $3)', [
        migration.version,
        migration.name,
        migration.isBreaking,
      ]);
      await client.query('commit');
    } catch (error) {
      await client.query('rollback');
      throw new KaziError(
        'MIGRATION_REFUSED',
        { message: `Migration "${migration.name}" failed: ${String(error)}` },
        { cause: error },
      );
    }
    log.info({ migration: migration.name }, 'migration applied');
    applied.push(migration.name);
  }
  return applied;
};
