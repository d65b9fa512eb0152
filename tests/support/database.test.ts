import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import pg from 'pg';
import { createTestDatabase } from './database.ts';
import { administer, listTestDatabases } from './test-server.ts';

const shared = await createTestDatabase();

const rowsOf = async (url: string, sql: string): Promise<readonly Record<string, unknown>[]> => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql)).rows;
  } finally {
    await client.end();
  }
};

/** Runs a test file of these lines in a runner of its own, on our server, and returns what it printed. */
const runTestFile = async (t: TestContext, lines: readonly string[]): Promise<string> => {
  const folder = await mkdtemp(join(tmpdir(), 'kazi-test-file-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const file = join(folder, 'inner.test.ts');
  const support = new URL('./database.ts', import.meta.url).href;
  const imports = [`import { test } from 'node:test';`, `import { createTestDatabase } from '${support}';`];
  await writeFile(file, [...imports, ...lines].join('\n'));
  const { NODE_TEST_CONTEXT: _, ...environment } = process.env;
  const env = { ...environment, KAZI_TEST_SERVER: shared.url, KAZI_TEST_TEMPLATE: 'unused' };
  const child = spawn(process.execPath, ['--test', file], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  return (await child.stdout.toArray()).join('');
};

const innerDatabases = async (): Promise<readonly string[]> =>
  (await listTestDatabases(shared.url)).filter((name) => name.startsWith('kazi_test_inner_'));

describe('createTestDatabase', () => {
  test('clones the migrated schema', async () => {
    const rows = await rowsOf(shared.url, 'select version from kazi_migrations');
    assert.ok(rows.length > 0);
  });

  test('gives each caller a database of its own', async (t) => {
    const other = await createTestDatabase(t);
    await rowsOf(other.url, 'create table only_here (id integer)');
    assert.deepEqual(await rowsOf(shared.url, `select to_regclass('only_here') as found`), [{ found: null }]);
  });

  test('makes one without tables when asked for an empty one', async (t) => {
    const empty = await createTestDatabase(t, { empty: true });
    assert.deepEqual(await rowsOf(empty.url, `select to_regclass('kazi_migrations') as found`), [{ found: null }]);
  });

  test('drops a database once, with its connections', async () => {
    const database = await createTestDatabase();
    const client = new pg.Client({ connectionString: database.url });
    client.on('error', () => undefined);
    await client.connect();
    await database.drop();
    await database.drop();
    assert.ok(!(await listTestDatabases(shared.url)).includes(database.name));
    await assert.rejects(client.query('select 1'));
  });

  test('leaves the database of a failed test behind and prints its name', async (t) => {
    const make = 'const database = await createTestDatabase(undefined, { empty: true });';
    await runTestFile(t, [make, `test('passes', () => undefined);`]);
    assert.deepEqual(await innerDatabases(), []);

    const output = await runTestFile(t, [make, `test('fails', () => { throw new Error('on purpose'); });`]);
    const [left = 'none', ...others] = await innerDatabases();
    assert.deepEqual(others, []);
    assert.match(output, new RegExp(`left its database behind until the next run: ${left}`));
    await administer(shared.url, (client) => client.query(`drop database ${left}`));
  });
});
