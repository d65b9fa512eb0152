import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { setWorkerWebhook } from '../../src/actions/set-worker-webhook.ts';
import { startApi } from '../support/api.ts';
import { ADMIN } from '../support/node.ts';
import { type Received, startReceiver } from '../support/receiver.ts';
import { eventually } from '../support/signals.ts';
import { assertValid, Caller } from '../wire/workers/target.ts';

const api = await startApi({ defaultAgent: 'shell' });
const caller = new Caller({ url: api.url, signingSecret: api.signingSecret, apiKey: api.adminKey });

interface Execution {
  readonly id: string;
  readonly requestStatus: string;
  readonly responseStatus: number | null;
  readonly errorMessage: string | null;
}

/** The receiver speaks no TLS, which only the route insists on. */
const tell = async (workerId: string, url: string) => await setWorkerWebhook(api.context, ADMIN, { workerId, url });
const executions = async (id: string, count: number): Promise<readonly Execution[]> =>
  await eventually(`${count} executions`, async () => {
    const { json } = await caller.get(`/api/workers/${id}/webhook/executions`);
    return json['totalCount'] === count && (json['logs'] as readonly Execution[]);
  });
const checkSignature = ({ body, headers }: Received, token: string | null): void => {
  assert.equal(headers['x-handinger-token'], token);
  const key = Buffer.from(token ?? '').toString('base64');
  new Webhook(key).verify(body, headers as Record<string, string>);
};

test('39. a finished turn is told once, with the token and signatures; each attempt is an execution', async (t) => {
  const receiver = await startReceiver([500, 200], t);
  const { id } = await caller.worked('true');
  const { token } = await tell(id, receiver.url);
  const { metadata } = await caller.continue(id, { input: 'echo told' });
  const attempts = await receiver.take(2);
  for (const attempt of attempts) checkSignature(attempt, token);
  assert.equal(attempts[0]?.headers['webhook-id'], attempts[1]?.headers['webhook-id']);
  const body = JSON.parse(attempts[1]?.body ?? '') as Record<string, unknown>;
  assert.deepEqual([body['event'], body['job_id']], ['turn.completed', metadata.job_id]);
  assertValid('Worker', body['worker']);
  const [newest, first] = await executions(id, 2);
  assert.deepEqual([newest?.requestStatus, newest?.responseStatus, newest?.errorMessage], ['success', 200, null]);
  assert.deepEqual([first?.requestStatus, first?.responseStatus], ['error', 500]);
  assert.match(newest?.id ?? '', /^whe_[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
  // Admins have endpoints of their own; this one is its worker's.
  assert.deepEqual((await caller.get('/webhooks/endpoints')).json['endpoints'], []);
});

test('39. failed and canceled turns have events of their own; a deleted worker tells nothing', async (t) => {
  const receiver = await startReceiver([200], t);
  const { id } = await caller.worked('true');
  await tell(id, receiver.url);
  await caller.continue(id, { input: 'exit 1' });
  await receiver.take(1);
  const { metadata } = await caller.continue(id, { input: 'sleep 30' });
  await caller.send({ method: 'DELETE', path: `/jobs/${metadata.job_id}` });
  const events = (await receiver.take(2)).map(({ body }) => (JSON.parse(body) as { event: string }).event);
  assert.deepEqual(events, ['turn.failed', 'turn.canceled']);
  await caller.continue(id, { input: 'sleep 30' });
  await caller.send({ method: 'DELETE', path: `/api/workers/${id}` });
  assert.equal(receiver.received.length, 2);
});

test('40. a new token is sent by retries that wait, the old one no more', async (t) => {
  const receiver = await startReceiver([500, 200], t);
  const { id } = await caller.worked('true');
  const { token } = await tell(id, receiver.url);
  await caller.continue(id, { input: 'true' });
  checkSignature((await receiver.take(1))[0] as Received, token);
  const path = `/api/workers/${id}/webhook/regenerate-token`;
  const renewed = String((await caller.send({ method: 'POST', path })).json['token']);
  assert.notEqual(renewed, token);
  checkSignature((await receiver.take(2))[1] as Received, renewed);
});
