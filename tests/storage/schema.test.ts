import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import pg from 'pg';
import { dumpSchema } from '../../scripts/schema-dump.ts';
import { createTestDatabase } from '../support/database.ts';

const committed = await readFile(new URL('../../migrations/schema.sql', import.meta.url), 'utf8');

/** Names the first line that differs: the whole texts would bury it. */
const assertSameLines = (dump: string): void => {
  const [found, expected] = [dump.split('\n'), committed.split('\n')];
  const place = found.findIndex((line, index) => line !== expected[index]);
  const what = `line ${place + 1} of migrations/schema.sql: run "npm run dump-schema" and commit it`;
  assert.equal(found[place], expected[place], what);
  assert.equal(found.length, expected.length);
};

test('migrations/schema.sql is what the migrations make', async (t) => {
  const database = await createTestDatabase(t);
  assertSameLines(await dumpSchema(database.url));
});

test('migrations/schema.sql is complete: a database made from it alone has the same dump', async (t) => {
  const database = await createTestDatabase(t, { empty: true });
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query(committed);
  await client.end();
  assertSameLines(await dumpSchema(database.url));
});
