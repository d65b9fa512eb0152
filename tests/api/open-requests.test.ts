import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { startApi } from '../support/api.ts';
import { type Answer, bearer, send } from '../support/api-client.ts';
import { administer } from '../support/test-server.ts';

const api = await startApi({ runsJobs: false });

const submit = async (session: string, headers: Readonly<Record<string, string>>): Promise<Answer> =>
  await send(api.url, {
    method: 'POST',
    path: '/submit',
    headers: { ...bearer(api.adminKey), ...headers },
    body: { question: 'x', agent_type: 'echo', session_id: session },
  });

/** Sends the first request while its session is locked, the second once the first waits in the database, then unlocks. */
const sendBothOpen = async (
  first: Readonly<Record<string, string>>,
  second: Readonly<Record<string, string>>,
): Promise<Answer[]> => {
  const session = randomUUID();
  await submit(session, {});
  return await administer(api.databaseUrl, async (client) => {
    await client.query('begin');
    await client.query('select 1 from sessions where id = $1 for update', [session]);
    const answers = [submit(session, first)];
    while (!(await isSomebodyWaiting(client))) await delay(5);
    answers.push(submit(session, second));
    // The second arrives while the first is still open: it is read before the lock is given up.
    await send(api.url, { path: '/healthz' });
    await client.query('commit');
    return await Promise.all(answers);
  });
};

const isSomebodyWaiting = async (client: pg.Client): Promise<boolean> => {
  const { rowCount } = await client.query(
    'select 1 from pg_stat_activity where datname = current_database() and wait_event_type = $1',
    ['Lock'],
  );
  return (rowCount ?? 0) > 0;
};

test('a second request with the key of one that is still open waits for its answer', async () => {
  const key = { 'idempotency-key': randomUUID() };
  const [first, second] = await sendBothOpen(key, key);
  assert.deepEqual([first?.status, second?.text], [200, first?.text]);
  assert.deepEqual(
    [first?.headers['idempotency-replayed'], second?.headers['idempotency-replayed']],
    [undefined, 'true'],
  );
});

test('an SDK retry of a request that is still open waits for its answer', async () => {
  const [first, second] = await sendBothOpen({}, { 'x-stainless-retry-count': '1' });
  assert.deepEqual([first?.status, second?.text], [200, first?.text]);
  assert.equal(second?.headers['idempotency-replayed'], 'true');
});
