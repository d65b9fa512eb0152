import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeFolder } from '../cli/kazi-process.ts';
import { createTestDatabase } from '../support/database.ts';
import { TEST_API_KEY } from '../support/job-client.ts';
import { type Reply, startReceiver } from '../support/receiver.ts';
import { rowsOf } from '../support/rows.ts';
import { ServerProcess } from '../support/server-process.ts';
import { eventually } from '../support/signals.ts';
import { WebhookCaller } from '../webhooks/webhook-caller.ts';

const JOBS = 12;

test('kill -9 between the end of a job and its delivery loses none; each arrives after the restart under one id', async (t) => {
  const database = await createTestDatabase(t);
  const rows = rowsOf(database.url);
  const settings = {
    DATABASE_URL: database.url,
    KAZI_DATA_DIR: await makeFolder(t),
    KAZI_LEASE_MS: '1000',
    KAZI_ALLOW_PRIVATE_WEBHOOKS: 'true',
  };
  // Before the kill nothing is answered: some deliveries are on their way, most wait behind them.
  let isKilled = false;
  const reply: Reply = (response) => void (isKilled && response.writeHead(200).end());
  const receiver = await startReceiver([reply], t);
  const first = await ServerProcess.start(settings);
  const before = new WebhookCaller({ url: first.url, adminKey: TEST_API_KEY });
  const jobs = await Promise.all(
    Array.from({ length: JOBS }, async () => await before.submit({ url: receiver.url, timeout_seconds: 60 })),
  );
  await receiver.take(1);
  await eventually('all jobs to have ended', async () => {
    const [counts] = await rows<{ open: string }>(
      `select count(*) as open from webhook_deliveries where state = 'pending'`,
    );
    return counts?.open === String(JOBS);
  });
  await first.kill();
  isKilled = true;
  const held = await rows<{ id: string }>('select job_id as id from webhook_deliveries where lease_id is not null');
  assert.ok(held.length > 0 && held.length < JOBS);
  const second = await ServerProcess.start(settings);
  t.after(async () => await second.kill());
  const after = new WebhookCaller({ url: second.url, adminKey: TEST_API_KEY });
  for (const jobId of jobs) {
    const delivery = await after.settled(`job_id=${jobId}`);
    assert.deepEqual([delivery['state'], delivery['attempts'], delivery['last_status']], ['delivered', 1, 200]);
  }
  assert.equal(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size, JOBS);
  await second.stopWell();
});
