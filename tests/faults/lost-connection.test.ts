import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { type TestContext, test } from 'node:test';
import pg from 'pg';
import { pino } from 'pino';
import { Database, isDatabaseUnavailable } from '../../src/storage/database.ts';
import { inspectDatabase } from '../../src/storage/inspect-database.ts';
import { migrate, pendingMigrations } from '../../src/storage/migrate.ts';
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

/** What a server says that takes a connection and ends at once, in one packet: AuthenticationOk, ReadyForQuery, FATAL. */
const READY_AND_GONE = Buffer.concat([
  Buffer.from('R\0\0\0\x08\0\0\0\0', 'latin1'),
  Buffer.from('Z\0\0\0\x05I', 'latin1'),
  Buffer.from('E\0\0\0\x19SFATAL\0C57P01\0Mgone\0\0', 'latin1'),
]);

/** URL of such a server: no real one can be made to cut a connection at this very place. */
const startEndingServer = async (t: TestContext): Promise<string> => {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(READY_AND_GONE));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => server.close());
  return `postgres://somebody@127.0.0.1:${(server.address() as AddressInfo).port}/database`;
};

test('a connection that is cut in the packet that made it ready fails what asked for it, and nothing else', async (t) => {
  const ending = await startEndingServer(t);
  const log = pino({ level: 'silent' });
  const database = new Database({ url: ending, maxConnections: 1, log });
  t.after(async () => await database.end());
  await assert.rejects(
    database.transaction(async (tx) => await tx.query('health')),
    { code: 'DATABASE_UNAVAILABLE' },
  );
  await assert.rejects(database.query('health'), { code: 'DATABASE_UNAVAILABLE' });
  await assert.rejects(migrate({ databaseUrl: ending, log }), isDatabaseUnavailable);
  await assert.rejects(pendingMigrations(ending), isDatabaseUnavailable);
  await assert.rejects(inspectDatabase(ending), isDatabaseUnavailable);
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
