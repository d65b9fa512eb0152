import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import pg from 'pg';
import { dumpSchema } from '../../scripts/schema-dump.ts';
import { createTestDatabase } from '../support/database.ts';

const committed = await readFile(new URL('../../migrations/schema.sql', import.meta.url), 'utf8');

test('migrations/schema.sql is what the migrations make', async (t) => {
  const database = await createTestDatabase(t);
  assert.equal(await dumpSchema(database.url), committed, 'run "npm run dump-schema" and commit migrations/schema.sql');
});

test('migrations/schema.sql is complete: a database made from it alone has the same dump', async (t) => {
  const database = await createTestDatabase(t, { empty: true });
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  await client.query(committed);
  await client.end();
  assert.equal(await dumpSchema(database.url), committed);
});
