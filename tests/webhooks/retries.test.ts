import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { retryWaitMs } from '../../src/core/webhook-retry.ts';
import { startApi } from '../support/api.ts';
import { type Reply, startReceiver } from '../support/receiver.ts';
import { WebhookCaller } from './webhook-caller.ts';

/** What the deliverer asked its clock, in order; the answer is always "at once". */
const asked: Parameters<typeof retryWaitMs>[0][] = [];
const api = await startApi({
  webhooks: {
    waitMs: (failed) => {
      asked.push(failed);
      return 0;
    },
  },
});
const hooks = new WebhookCaller(api);

const text =
  (status: number, body: string, headers: Readonly<Record<string, string>> = {}): Reply =>
  (response) =>
    void response.writeHead(status, headers).end(body);

/** Submits a job to a receiver with these replies and waits for the end of its delivery. */
const deliver = async (url: string, webhook: Readonly<Record<string, unknown>> = {}) => {
  asked.length = 0;
  const jobId = await hooks.submit({ url, ...webhook });
  const delivery = await hooks.settled(`job_id=${jobId}`);
  return {
    jobId,
    delivery,
    attempts: await hooks.attempts(delivery['id']),
    webhook: await hooks.webhookOf(jobId, () => true),
  };
};

test('failures are tried again under the same id with new timestamps, at the waits of the contract', async (t) => {
  const receiver = await startReceiver([500, text(503, 'busy'), 404, 200], t);
  const { delivery, attempts, webhook } = await deliver(receiver.url, { signing_secret: 's' });
  assert.deepEqual(
    [delivery['state'], delivery['attempts'], delivery['last_status'], delivery['last_error']],
    ['delivered', 4, 200, null],
  );
  assert.deepEqual(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])), new Set([delivery['id']]));
  assert.equal(new Set(receiver.received.map(({ body }) => body)).size, 1);
  assert.deepEqual(
    attempts.map(({ number, status, error }) => [number, status, error]),
    [
      [1, 500, 'HTTP 500'],
      [2, 503, 'busy'],
      [3, 404, 'HTTP 404'],
      [4, 200, null],
    ],
  );
  assert.ok(attempts.every(({ duration_ms, url }) => typeof duration_ms === 'number' && url === receiver.url));
  assert.deepEqual([webhook['attempts'], webhook['last_status'], webhook['last_error']], [4, 200, null]);
  assert.deepEqual(
    asked.map((failed) => retryWaitMs({ ...failed, random: () => 0.5 })),
    [1_000, 5_000, 30_000],
  );
});

test('a delivery ends after 8 attempts, after as many as were asked for, and after 12 whatever was asked for', async (t) => {
  for (const [max, most] of [
    [null, 8],
    [2, 2],
    [1_000_000_000, 12],
  ]) {
    const receiver = await startReceiver([text(500, 'x'.repeat(10_000))], t);
    const { delivery, attempts, webhook } = await deliver(receiver.url, { max_attempts: max });
    assert.deepEqual([delivery['state'], receiver.received.length], ['failed', most]);
    assert.equal(attempts.length, most);
    assert.deepEqual([webhook['attempts'], webhook['last_status'], webhook['delivered_at']], [most, 500, null]);
    assert.equal(webhook['last_error'], 'x'.repeat(500));
    assert.equal(attempts[0]?.['response_body'], 'x'.repeat(4_096));
  }
});

test('a redirect is not followed and counts as failure', async (t) => {
  const elsewhere = await startReceiver([200], t);
  const receiver = await startReceiver([text(302, '', { location: elsewhere.url }), 200], t);
  const { attempts } = await deliver(receiver.url);
  assert.deepEqual(
    attempts.map(({ status, error }) => [status, error]),
    [
      [302, 'HTTP 302'],
      [200, null],
    ],
  );
  assert.equal(elsewhere.received.length, 0);
});

test('410 ends the delivery', async (t) => {
  const receiver = await startReceiver([500, 410], t);
  const { delivery } = await deliver(receiver.url);
  assert.deepEqual([delivery['state'], delivery['attempts'], delivery['last_status']], ['failed', 2, 410]);
  assert.equal(receiver.received.length, 2);
});

test('Retry-After makes the next wait longer, as seconds or as a date, up to an hour', async (t) => {
  const date = new Date(Date.now() + 600_000).toUTCString();
  const replies = ['30', date, '86400', 'soon', '0'].map((after) => text(503, '', { 'retry-after': after }));
  const receiver = await startReceiver([...replies, 200], t);
  await deliver(receiver.url);
  const waits = asked.map((failed) => retryWaitMs({ ...failed, random: () => 0.5 }) / 1_000);
  assert.equal(waits[0], 30);
  assert.ok(waits[1] !== undefined && waits[1] > 590 && waits[1] <= 600);
  assert.deepEqual(waits.slice(2), [3_600, 120, 600]);
});

test('every status from 200 to 299 is a success; what the body does after it does not matter', async (t) => {
  const endless: Reply = (response) => {
    response.writeHead(202);
    response.write('x'.repeat(100_000));
  };
  for (const reply of [204, 299, endless] satisfies Reply[]) {
    const receiver = await startReceiver([reply], t);
    const { delivery, attempts } = await deliver(receiver.url);
    assert.deepEqual([delivery['state'], delivery['attempts']], ['delivered', 1]);
    assert.ok(String(attempts[0]?.['response_body']).length <= 4_096);
  }
});

test('an answer that does not come in time, a refused and a broken connection are failures with words', async (t) => {
  const silent = await startReceiver([() => undefined, 200], t);
  const late = await deliver(silent.url, { timeout_seconds: 1, max_attempts: 2 });
  assert.deepEqual(
    late.attempts.map(({ status, error }) => [status, error]),
    [
      [null, 'Timed out after 1 seconds'],
      [200, null],
    ],
  );
  const broken = await startReceiver([(response) => void response.destroy(), 200], t);
  assert.equal((await deliver(broken.url)).attempts[0]?.['error'], 'Connection closed without an answer');
  const server = createServer().listen(0, '127.0.0.1');
  const { port } = await new Promise<{ port: number }>((resolve) => {
    server.once('listening', () => resolve(server.address() as { port: number }));
  });
  server.close();
  const refused = await deliver(`http://127.0.0.1:${port}/`, { max_attempts: 1 });
  assert.deepEqual([refused.webhook['last_status'], refused.webhook['last_error']], [null, 'Connection refused']);
  assert.deepEqual(
    refused.attempts.map(({ status }) => status),
    [null],
  );
});
