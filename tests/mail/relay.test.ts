import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startMailServer, startRelay } from '../support/mail-server.ts';
import { rowsOf } from '../support/rows.ts';
import { eventually } from '../support/signals.ts';

const relay = await startRelay();
const settings = { KAZI_SMTP_RELAY_URL: `smtp://127.0.0.1:${relay.port}`, KAZI_DEFAULT_AGENT: 'echo' };
const server = await startMailServer({ settings });
const rows = rowsOf(server.databaseUrl);

const deliveries = async () =>
  await rows<{ id: string; state: string; attempts: number; last_status: number | null; wait_s: number }>(
    `select d.id, d.state, d.attempts, d.last_status, extract(epoch from d.due_at - d.updated_at)::float as wait_s
     from webhook_deliveries d where d.lease_id is null order by d.id`,
  );
const newest = async (state: string, attempts: number) =>
  await eventually(`a delivery that is ${state} after ${attempts} attempts`, async () => {
    const found = (await deliveries()).at(-1);
    return found?.state === state && found.attempts === attempts && found;
  });

test('a recipient that the relay refuses for good is given up, one that it refuses for now is tried again', async () => {
  const { address } = await server.worker();
  relay.refuseNext(550);
  await server.send({ to: address, text: 'true' });
  assert.equal((await newest('failed', 1)).last_status, 550);
  relay.refuseNext(451);
  await server.send({ to: address, text: 'later' });
  const [answer] = await relay.take(1);
  assert.match(answer?.mail.text ?? '', /later/);
  assert.equal((await newest('delivered', 2)).last_status, 250);
});

test('a relay that is down for an hour costs time and no answer', async () => {
  const { address } = await server.worker();
  const count = relay.mails.length;
  await relay.stop();
  await server.send({ to: address, text: 'patient' });
  let waitedSeconds = 0;
  for (let attempts = 1; ; attempts += 1) {
    const { id, wait_s } = await newest('pending', attempts);
    waitedSeconds += wait_s;
    if (waitedSeconds > 3_600) break;
    // Instead of waiting, the attempt that is planned is made now.
    await rows('update webhook_deliveries set due_at = clock_timestamp() where id = $1', [id]);
  }
  const back = await startRelay(undefined, relay.port);
  await rows(`update webhook_deliveries set due_at = clock_timestamp() where state = 'pending'`);
  const [answer] = await back.take(1);
  assert.match(answer?.mail.text ?? '', /patient/);
  assert.deepEqual([relay.mails.length, back.mails.length], [count, 1]);
  assert.equal((await newest('delivered', 7)).last_status, 250);
});
