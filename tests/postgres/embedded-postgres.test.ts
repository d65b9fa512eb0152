import assert from 'node:assert/strict';
import { mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { type EmbeddedPostgresOptions, startEmbeddedPostgres } from '../../src/postgres/embedded-postgres.ts';
import { atEnd, query, scratchFolder, sharedFolder } from './scratch.ts';
import { silentLogger } from './silent-logger.ts';

const shared = await sharedFolder();

const start = async (t: TestContext, options: Omit<EmbeddedPostgresOptions, 'log'>) => {
  const postgres = await startEmbeddedPostgres({ log: silentLogger(), ...options });
  atEnd(t, () => postgres.stop());
  return postgres;
};

describe('the embedded PostgreSQL', () => {
  test('keeps its data, its URL and its folder private from start to start', async (t) => {
    const dataDir = join(await scratchFolder(t), 'data');
    const first = await start(t, { dataDir });
    await query(first.url, 'create table note (text text)', `insert into note values ('kept')`);
    await first.stop();
    await first.stop();

    const second = await start(t, { dataDir });
    assert.equal(second.url, first.url);
    assert.deepEqual(await query(second.url, 'select text from note'), [{ text: 'kept' }]);
    assert.equal((await stat(join(dataDir, 'postgres'))).mode & 0o777, 0o700);
    assert.equal((await stat(join(dataDir, 'postgres.password'))).mode & 0o777, 0o600);
    assert.equal((await stat(join(dataDir, 'kazi.lock'))).mode & 0o777, 0o600);
  });

  test('lets nobody in without the password', async (t) => {
    const postgres = await start(t, { dataDir: shared });
    const wrong = postgres.url.replace(/kazi:[^@]+@/, 'kazi:wrong@');
    await assert.rejects(query(wrong, 'select 1'), { code: '28P01' });
  });

  test('stores UTF-8 in the C locale, durably, and listens on no network address', async (t) => {
    const postgres = await start(t, { dataDir: shared });
    const settings = ['server_encoding', 'lc_collate', 'fsync', 'synchronous_commit', 'listen_addresses', 'jit'];
    const columns = settings.map((name) => `current_setting('${name}', true) as ${name}`).join(', ');
    const collation = `(select datcollate from pg_database where datname = 'kazi') as collation`;
    assert.deepEqual(await query(postgres.url, `select ${columns}, ${collation}`), [
      {
        server_encoding: 'UTF8',
        lc_collate: null,
        fsync: 'on',
        synchronous_commit: 'on',
        listen_addresses: '',
        jit: 'off',
        collation: 'C',
      },
    ]);
  });

  test('takes settings in place of its defaults', async (t) => {
    const settings = { work_mem: '7MB', cluster_name: `it's a \\ test` };
    const postgres = await start(t, { dataDir: shared, settings });
    const rows = await query(
      postgres.url,
      `select current_setting('work_mem') as a, current_setting('cluster_name') as b`,
    );
    assert.deepEqual(rows, [{ a: '7MB', b: `it's a \\ test` }]);
  });

  test('refuses settings that would cut it off from its supervisor, and frees the folder', async (t) => {
    for (const name of ['port', 'data_directory', 'log_min_messages', 'Not A Setting']) {
      await assert.rejects(start(t, { dataDir: shared, settings: { [name]: '1' } }), { code: 'INVALID_CONFIG' });
    }
    await start(t, { dataDir: shared });
  });

  test("gives PostgreSQL's own words when it does not start, and frees the folder", async (t) => {
    await assert.rejects(start(t, { dataDir: shared, settings: { shared_buffers: 'plenty' } }), {
      code: 'EMBEDDED_DATABASE_FAILED',
      message: /invalid value for parameter "shared_buffers": "plenty"/,
    });
    await start(t, { dataDir: shared });
  });

  test('works in a folder with spaces, quotes and letters of all kinds in its path', async (t) => {
    const postgres = await start(t, { dataDir: join(await scratchFolder(t), `a "b" 'c', d%20 é&?#`) });
    assert.deepEqual(await query(postgres.url, 'select 1 as one'), [{ one: 1 }]);
  });

  test('works in a folder whose path is too long for a socket', async (t) => {
    const dataDir = join(await scratchFolder(t), 'deep'.repeat(20), 'deeper'.repeat(20));
    const postgres = await start(t, { dataDir });
    assert.deepEqual(await query(postgres.url, 'select 1 as one'), [{ one: 1 }]);
    const socketDir = new URL(postgres.url.replace('@/', '@localhost/')).searchParams.get('host') ?? '';
    await postgres.stop();
    await assert.rejects(stat(socketDir), { code: 'ENOENT' });
  });

  test('refuses the database of another PostgreSQL version and leaves it as it was', async (t) => {
    const dataDir = await scratchFolder(t);
    await (await start(t, { dataDir })).stop();
    await writeFile(join(dataDir, 'postgres/PG_VERSION'), '15\n');
    await assert.rejects(start(t, { dataDir }), {
      code: 'EMBEDDED_DATABASE_FAILED',
      message: /holds a database of PostgreSQL 15, expected PostgreSQL 18/,
    });
    assert.equal(await readFile(join(dataDir, 'postgres/PG_VERSION'), 'utf8'), '15\n');
  });

  test('refuses a folder that holds something else', async (t) => {
    const dataDir = await scratchFolder(t);
    await mkdir(join(dataDir, 'postgres'));
    await writeFile(join(dataDir, 'postgres/thesis.txt'), 'years of work');
    await assert.rejects(start(t, { dataDir }), {
      code: 'EMBEDDED_DATABASE_FAILED',
      message: /not a PostgreSQL database/,
    });
    assert.equal(await readFile(join(dataDir, 'postgres/thesis.txt'), 'utf8'), 'years of work');
  });

  test('begins anew after a crash in the middle of the creation', async (t) => {
    const dataDir = await scratchFolder(t);
    await mkdir(join(dataDir, 'postgres.new/cluster/base'), { recursive: true });
    const postgres = await start(t, { dataDir });
    assert.deepEqual(await query(postgres.url, 'select 1 as one'), [{ one: 1 }]);
    await assert.rejects(stat(join(dataDir, 'postgres.new')), { code: 'ENOENT' });
  });
});
