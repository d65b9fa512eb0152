import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import pg from 'pg';
import { isKaziError } from '../../src/core/errors.ts';
import { migrate, pendingMigrations, readMigrations, requireSupportedServer } from '../../src/storage/migrate.ts';
import { createTestDatabase } from '../support/database.ts';
import { silentLog } from '../support/factories.ts';
import { rowsOf } from '../support/rows.ts';

const names = readMigrations().map((migration) => migration.name);

const refusedWith =
  (pattern: RegExp) =>
  (error: unknown): boolean =>
    isKaziError(error, 'MIGRATION_REFUSED') && pattern.test(error.message);

const execute = async (databaseUrl: string, sql: string): Promise<void> => {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  await client.query(sql);
  await client.end();
};

describe('migrate', () => {
  test('applies each migration once when four nodes start at the same time', async (t) => {
    const { url } = await createTestDatabase(t, { empty: true });
    const results = await Promise.all(
      Array.from({ length: 4 }, async () => await migrate({ databaseUrl: url, log: silentLog })),
    );
    assert.deepEqual(
      results.flatMap((result) => result.applied),
      names,
    );
    const rows = await rowsOf(url)<{ name: string }>('select name from kazi_migrations order by version');
    assert.deepEqual(
      rows.map((row) => row.name),
      names,
    );
  });

  test('does nothing on a database that is up to date', async (t) => {
    const { url } = await createTestDatabase(t);
    assert.deepEqual(await migrate({ databaseUrl: url, log: silentLog }), { applied: [] });
  });

  test('refuses a schema that a newer, breaking build has made, and names what it does not know', async (t) => {
    const { url } = await createTestDatabase(t);
    await execute(url, `insert into kazi_migrations values (9999, '9999_drop_everything.sql', true)`);
    await assert.rejects(migrate({ databaseUrl: url, log: silentLog }), refusedWith(/"9999_drop_everything\.sql"/));
    await assert.rejects(pendingMigrations(url), refusedWith(/newer build/));
  });

  test('works with a schema that a newer build has only added to', async (t) => {
    const { url } = await createTestDatabase(t);
    await execute(url, `insert into kazi_migrations values (9999, '9999_add_column.sql', false)`);
    assert.deepEqual(await migrate({ databaseUrl: url, log: silentLog }), { applied: [] });
  });

  test('a migration that fails leaves nothing of itself behind, and the next start goes on there', async (t) => {
    const { url } = await createTestDatabase(t, { empty: true });
    // In the way of the last migration; the ones before it are applied and stay.
    await execute(url, `create function rescue_jobs(p_limit integer, p_max_attempts integer) returns integer return 1`);
    await assert.rejects(migrate({ databaseUrl: url, log: silentLog }), refusedWith(/"0007_\w+\.sql" failed/));
    assert.deepEqual(await pendingMigrations(url), names.slice(6));
    const [found] = await rowsOf(url)<{ name: string | null }>(`select to_regproc('cancel_job')::text as name`);
    assert.equal(found?.name, null);
    await execute(url, 'drop function rescue_jobs');
    assert.deepEqual((await migrate({ databaseUrl: url, log: silentLog })).applied, names.slice(6));
  });
});

test('pendingMigrations lists all of them for an empty database, and none for a migrated one', async (t) => {
  const empty = await createTestDatabase(t, { empty: true });
  assert.deepEqual(await pendingMigrations(empty.url), names);
  const migrated = await createTestDatabase(t);
  assert.deepEqual(await pendingMigrations(migrated.url), []);
});

test('a server older than PostgreSQL 15 is refused, with what was found and what to do', () => {
  assert.throws(
    () => requireSupportedServer({ number: 140_012, version: '14.12' }),
    refusedWith(/Found PostgreSQL 14\.12, expected 15 or newer\. Upgrade/),
  );
  assert.doesNotThrow(() => requireSupportedServer({ number: 150_000, version: '15.0' }));
});
