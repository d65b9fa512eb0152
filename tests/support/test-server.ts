import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { pino } from 'pino';
import { FAST_FOLDER } from '../../scripts/fast-folder.ts';
import { isKaziError } from '../../src/core/errors.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/postgres/embedded-postgres.ts';
import { migrate } from '../../src/storage/migrate.ts';

/** The PostgreSQL server that tests make their databases on. */
export interface TestServer {
  /** URL of a database from which others can be created and dropped. */
  readonly adminUrl: string;
  /**
   * Stops the server when it is ours. The databases of failed tests stay; those of an outside server are always left
   * alone.
   */
  stop(): Promise<void>;
}

export const TEST_DATABASE_PREFIX = 'kazi_test_';
const TEMPLATE_PREFIX = 'kazi_template_';

const log = pino({ level: 'error' }, pino.destination({ dest: 2, sync: true }));
const repository = fileURLToPath(new URL('../..', import.meta.url));
/** Any number: runs that share a server make its template one after the other. */
const TEMPLATE_LOCK = 0x74657374;

/** As a user would run it, but for speed: what a crash of the machine loses is of no interest in a test. */
const SETTINGS = { synchronous_commit: 'off', shared_buffers: '32MB', max_connections: '400' };

/**
 * Uses the server that KAZI_TEST_DATABASE_URL names, or starts an embedded one. Its folder is kept from run to run, so
 * that a run need not create a cluster, and the database of a failed test can be looked into: `node
 * tests/support/serve-test-server.ts`. A second run at the same time gets a folder of its own.
 */
export const startTestServer = async (): Promise<TestServer> => {
  const outside = process.env['KAZI_TEST_DATABASE_URL'];
  if (outside !== undefined && outside !== '') return { adminUrl: outside, stop: () => Promise.resolve() };
  const key = createHash('sha256').update(repository).digest('hex').slice(0, 8);
  const keptDir = join(FAST_FOLDER, `kazi-tests-${process.getuid?.() ?? 0}-${key}`);
  try {
    const postgres = await startEmbeddedPostgres({ dataDir: keptDir, log, settings: SETTINGS });
    return { adminUrl: postgres.url, stop: () => postgres.stop() };
  } catch (error) {
    if (!isKaziError(error, 'DATA_DIR_IN_USE')) throw error;
  }
  const ownDir = await mkdtemp(join(tmpdir(), 'kazi-tests-'));
  const postgres = await startEmbeddedPostgres({ dataDir: ownDir, log, settings: SETTINGS });
  return { adminUrl: postgres.url, stop: () => stopOwn(postgres, ownDir) };
};

const stopOwn = async (postgres: EmbeddedPostgres, dataDir: string): Promise<void> => {
  const kept = await listTestDatabases(postgres.url);
  await postgres.stop();
  if (kept.length === 0) await rm(dataDir, { recursive: true, force: true });
  else process.stderr.write(`kept the data folder "${dataDir}" with ${kept.join(', ')}\n`);
};

/** URL of another database on the same server. */
export const urlOfDatabase = (adminUrl: string, name: string): string =>
  adminUrl.replace(/\/[^/?]*(\?|$)/, `/${name}$1`);

/** Runs one administrative step on a connection of its own. */
export const administer = async <T>(adminUrl: string, step: (client: pg.Client) => Promise<T>): Promise<T> => {
  const client = new pg.Client({ connectionString: adminUrl, application_name: 'kazi tests' });
  await client.connect();
  try {
    return await step(client);
  } finally {
    await client.end();
  }
};

/** Databases that failed tests left behind. */
export const listTestDatabases = (adminUrl: string): Promise<readonly string[]> =>
  administer(adminUrl, (client) => listDatabases(client, TEST_DATABASE_PREFIX));

/** Drops what failed tests of an earlier run left, and templates of other migrations than the given one's. */
export const dropLeftBehind = (adminUrl: string, template: string): Promise<void> =>
  administer(adminUrl, async (client) => {
    const templates = await listDatabases(client, TEMPLATE_PREFIX);
    const stale = [
      ...(await listDatabases(client, TEST_DATABASE_PREFIX)),
      ...templates.filter((name) => name !== template),
    ];
    for (const name of stale) await client.query(`drop database ${name} with (force)`);
  });

const listDatabases = async (client: pg.Client, prefix: string): Promise<readonly string[]> => {
  const { rows } = await client.query<{ name: string }>(
    'select datname as name from pg_database where starts_with(datname, $1) order by 1',
    [prefix],
  );
  return rows.map(({ name }) => name);
};

/** Makes the migrated template unless the server has the one of these very migrations. Returns its name. */
export const prepareTemplate = async (adminUrl: string): Promise<string> => {
  const template = `${TEMPLATE_PREFIX}${await hashMigrations()}`;
  await administer(adminUrl, async (client) => {
    await client.query('select pg_advisory_lock($1)', [TEMPLATE_LOCK]);
    const { rowCount } = await client.query('select from pg_database where datname = $1', [template]);
    if (rowCount !== 0) return;
    // Named at last, so that a template that exists is whole.
    const unfinished = `${template}_unfinished`;
    await client.query(`drop database if exists ${unfinished} with (force)`);
    await client.query(`create database ${unfinished}`);
    await migrate({ databaseUrl: urlOfDatabase(adminUrl, unfinished), log });
    await client.query(`alter database ${unfinished} with allow_connections false`);
    await client.query(`alter database ${unfinished} rename to ${template}`);
  });
  return template;
};

const hashMigrations = async (): Promise<string> => {
  const folder = join(repository, 'migrations');
  const names = (await readdir(folder)).filter((name) => name.endsWith('.sql')).toSorted();
  const files = [...names.map((name) => join(folder, name)), join(repository, 'src/storage/migrate.ts')];
  const hash = createHash('sha256');
  for (const file of files)
    hash
      .update(file)
      .update('\0')
      .update(await readFile(file));
  return hash.digest('hex').slice(0, 12);
};
