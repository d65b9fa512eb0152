import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { bearer, send } from '../../support/api-client.ts';
import { type Reply, startReceiver } from '../../support/receiver.ts';
import { eventually } from '../../support/signals.ts';
import { assertDetail, Caller, SHELL, type Target } from './target.ts';

type Fields = Readonly<Record<string, unknown>>;

const NEEDS_PRIVATE = 'the server needs KAZI_ALLOW_PRIVATE_WEBHOOKS=true';
const SECRET = 'webhook-signing-secret';

const tryCallback = async (caller: Caller, url: string) =>
  await caller.create({ requests: [{ agent_id: await caller.agent(), input: 'x' }], callback_url: url });

/** Conformance check 11: which callbacks are refused. */
export const defineRefusedCallbackChecks = (target: Target): void => {
  const caller = new Caller(target);

  test('11. what is no web address is 422; so is a private one, and one with a user', async (t) => {
    for (const url of ['ftp://a.example/', '', '/relative', 'x'.repeat(2_084)])
      assertDetail(await tryCallback(caller, url), 422, /^body\.callback_url: /);
    assertDetail(await tryCallback(caller, 'https://u:p@a.example/'), 422, /^callback_url not allowed: /);
    if ((await tryCallback(caller, 'http://127.0.0.1:1/')).status === 200)
      return t.skip('the server allows private webhooks');
    for (const url of ['http://127.0.0.1/', 'http://169.254.169.254/'])
      assertDetail(await tryCallback(caller, url), 422, /^callback_url not allowed: \S/);
  });
};

/** Conformance checks 34 to 36: what is told of the end of a batch. */
export const defineCallbackChecks = (target: Target): void => {
  const caller = new Caller(target);
  const allowsPrivate = async (): Promise<boolean> => (await tryCallback(caller, 'http://127.0.0.1:1/')).status === 200;
  /** The batch once its callback fields say what the probe waits for. */
  const called = async (id: string, status: number): Promise<Fields> =>
    await eventually(`a callback of ${id} that was answered with ${status}`, async () => {
      const batch = await caller.retrieve(id);
      return batch['callback_status_code'] === status && batch;
    });
  const start = async (script: string, url: string): Promise<string> =>
    await caller.batch([[await caller.agent(SHELL), script]], { callback_url: url });

  test('34. a callback of exactly four keys on completed, failed and cancelled', async (t) => {
    if (!(await allowsPrivate())) return t.skip(NEEDS_PRIVATE);
    const receiver = await startReceiver([200], t);
    const completed = await start('true', receiver.url);
    const failed = await start('false', receiver.url);
    const cancelled = await start('sleep 60', receiver.url);
    await caller.cancel(cancelled);
    const bodies = (await receiver.take(3)).map(({ body }) => JSON.parse(body) as Fields);
    for (const [id, status] of [
      [completed, 'completed'],
      [failed, 'failed'],
      [cancelled, 'cancelled'],
    ] as const) {
      const batch = await called(id, 200);
      const body = bodies.find(({ job_id }) => job_id === id);
      const { completed_at, metadata } = batch;
      assert.deepEqual(body, { job_id: id, status, completed_at, metadata });
      assert.ok(batch['callback_sent_at']);
      assert.deepEqual([batch['callback_url'], batch['callback_error']], [receiver.url, null]);
    }
    assert.equal(receiver.received.length, 3);
  });

  test('35. the callback is signed with the secret of the tenant, and not without one', async (t) => {
    if (!(await allowsPrivate())) return t.skip(NEEDS_PRIVATE);
    const receiver = await startReceiver([200], t);
    const path = `/secrets/${SECRET}`;
    const headers = bearer(target.apiKey);
    await send(target.url, { method: 'DELETE', path, headers });
    await start('true', receiver.url);
    const [plain] = await receiver.take(1);
    assert.ok(plain?.headers['webhook-id'] && plain.headers['webhook-timestamp']);
    assert.deepEqual([plain.headers['webhook-signature'], plain.headers['x-agent-signature']], [undefined, undefined]);
    const set = await send(target.url, { method: 'PUT', path, headers, body: { value: 'the secret of a tenant' } });
    if (set.status === 403) return t.skip('the server needs an API key of scope admin');
    await start('true', receiver.url);
    const [, signed] = await receiver.take(2);
    await send(target.url, { method: 'DELETE', path, headers });
    const text = `${String(signed?.headers['webhook-id'])}.${String(signed?.headers['webhook-timestamp'])}.${signed?.body}`;
    const digest = createHmac('sha256', 'the secret of a tenant').update(text).digest('base64');
    assert.equal(signed?.headers['webhook-signature'], `v1,${digest}`);
  });

  test('36. 500 twice, then 200: three attempts under one id; the fields show the last; redirects are not followed', async (t) => {
    if (!(await allowsPrivate())) return t.skip(NEEDS_PRIVATE);
    const other = await startReceiver([200], t);
    const redirect: Reply = (response) => response.writeHead(302, { location: other.url }).end();
    const receiver = await startReceiver([500, redirect, 200], t);
    const id = await start('true', receiver.url);
    const first = await called(id, 500);
    assert.equal(first['callback_error'], 'HTTP 500');
    const second = await called(id, 302);
    assert.equal(second['callback_error'], 'HTTP 302');
    const last = await called(id, 200);
    assert.equal(last['callback_error'], null);
    assert.equal(new Set(receiver.received.map(({ headers }) => headers['webhook-id'])).size, 1);
    assert.deepEqual([receiver.received.length, other.received.length], [3, 0]);
  });
};
