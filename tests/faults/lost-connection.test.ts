import assert from 'node:assert/strict';
import { test } from 'node:test';
import pg from 'pg';
import { pino } from 'pino';
import { Database, isDatabaseUnavailable } from '../../src/storage/database.ts';
import { Notifications } from '../../src/storage/notifications.ts';
import { createTestDatabase } from '../support/database.ts';
import { rowsOf } from '../support/rows.ts';

const { url } = await createTestDatabase();

test('a connection that breaks between two statements of a transaction fails that transaction alone', async (t) => {
  const database = new Database({ url, maxConnections: 1, log: pino({ level: 'silent' }) });
  t.after(async () => await database.end());
  const query = rowsOf(url);
  const broken = database.transaction(async (tx) => {
    await tx.query('health');
    await query(
      `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and application_name = 'kazi'`,
    );
    while (
      (await query(`select from pg_stat_activity where application_name = 'kazi' and datname = current_database()`))
        .length > 0
    );
    return await tx.query('health');
  });
  await assert.rejects(broken, { code: 'DATABASE_UNAVAILABLE' });
  assert.equal((await database.query('health')).length, 1);
});

test('a pool that has no connection to give in time counts as a database that is away', async (t) => {
  const pool = new pg.Pool({ connectionString: url, max: 1, connectionTimeoutMillis: 500 });
  const client = await pool.connect();
  t.after(async () => {
    client.release();
    await pool.end();
  });
  await assert.rejects(pool.query('select 1'), isDatabaseUnavailable);
});

test('a statement that gets no answer in time counts as a database that is away, and its connection is given up', async (t) => {
  const database = new Database({ url, maxConnections: 1, log: pino({ level: 'silent' }), queryTimeoutMs: 200 });
  const other = new pg.Client({ connectionString: url });
  await other.connect();
  t.after(async () => {
    await other.end();
    await database.end();
  });
  await other.query('begin');
  await other.query('lock table nodes in access exclusive mode');
  await assert.rejects(database.query('nodes/list-signed'), { code: 'DATABASE_UNAVAILABLE' });
  await other.query('rollback');
  assert.deepEqual(await database.query('nodes/list-signed'), []);
});

test('notifications that are stopped while they connect leave no connection behind', async () => {
  const notifications = new Notifications({ url, log: pino({ level: 'silent' }) });
  const starting = notifications.start();
  await notifications.stop();
  await starting;
  const left = `select from pg_stat_activity where datname = current_database() and application_name = 'kazi notifications'`;
  const query = rowsOf(url);
  for (let tried = 1; tried <= 50 && (await query(left)).length > 0; tried += 1);
  assert.deepEqual(await query(left), []);
});
