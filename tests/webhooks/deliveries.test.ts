import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { canonicalJson } from '../../src/core/canonical-json.ts';
import { startApi } from '../support/api.ts';
import { type Received, startReceiver } from '../support/receiver.ts';
import { rowsOf } from '../support/rows.ts';
import { eventually } from '../support/signals.ts';
import { assertValid, Caller } from '../wire/jobs/target.ts';
import { type Json, WebhookCaller } from './webhook-caller.ts';

const api = await startApi();
const rows = rowsOf(api.databaseUrl);
const hooks = new WebhookCaller(api);
const caller = new Caller({ url: api.url, signingSecret: api.signingSecret, apiKey: api.adminKey });
const secret = `whsec_${Buffer.alloc(24, 5).toString('base64')}`;

const bodyOf = (attempt: Received | undefined): { readonly event: string; readonly job: Json } =>
  JSON.parse(attempt?.body ?? '') as { event: string; job: Json };
const isDelivered = (webhook: Json): boolean => webhook['delivered_at'] !== null;

test('the end of a job arrives once, signed by both schemes, in canonical JSON that the contract allows', async (t) => {
  const receiver = await startReceiver([200], t);
  const metadata = { z: null, a: 'ü💡' };
  const jobId = await hooks.submit({ url: receiver.url, signing_secret: secret }, { metadata, question: 'né' });
  const webhook = await hooks.webhookOf(jobId, isDelivered);
  const [attempt, ...others] = receiver.received;
  assert.deepEqual(others, []);
  assert.ok(attempt);
  const { event, job } = bodyOf(attempt);
  assertValid('JobWebhookPayload', { event, job });
  assert.deepEqual(
    [event, job['job_id'], job['status'], job['metadata']],
    ['job.complete', jobId, 'complete', metadata],
  );
  assert.deepEqual(job['webhook'], { attempts: 0, url: receiver.url });
  assert.deepEqual(job['artifacts'], { files: [] });
  assert.ok(Object.values(job).every((value) => value !== null));
  assert.equal(attempt.body, canonicalJson({ event, job }));
  assert.match(attempt.body, /^[\x20-\x7e]+$/);
  new Webhook(secret).verify(attempt.body, attempt.headers as Record<string, string>);
  const { headers } = attempt;
  const seconds = headers['x-agent-timestamp'];
  const hex = createHmac('sha256', secret)
    .update(`${String(seconds)}.${attempt.body}`)
    .digest('hex');
  assert.equal(headers['x-agent-signature'], `t=${String(seconds)},v1=${hex}`);
  assert.equal(headers['webhook-timestamp'], seconds);
  assert.match(String(headers['webhook-id']), /^msg_[0-7][0-9A-HJKMNP-TV-Z]{25}$/);
  assert.deepEqual(
    [attempt.method, headers['content-type'], headers['user-agent']],
    ['POST', 'application/json', 'kazi'],
  );
  assert.deepEqual(
    { ...webhook, delivered_at: 0 },
    { url: receiver.url, secret_ref: null, attempts: 1, last_status: 200, last_error: null, delivered_at: 0 },
  );
});

test('reads back the bookkeeping in updated_at, and shows no secret and no header', async (t) => {
  const receiver = await startReceiver([200], t);
  const headers = { authorization: 'Bearer shown-to-nobody' };
  const jobId = await hooks.submit({ url: receiver.url, signing_secret: 'kept to itself', headers });
  await hooks.webhookOf(jobId, isDelivered);
  const job = await caller.job(jobId);
  const [row] = await rows<{ at: Date }>('select updated_at as at from webhook_deliveries where job_id = $1', [jobId]);
  assert.equal(job['updated_at'], Math.floor(Number(row?.at.getTime()) / 1_000));
  const listed = await caller.get('/jobs?limit=100');
  assert.doesNotMatch(JSON.stringify(job) + listed.text, /shown-to-nobody|kept to itself/);
  assert.equal(receiver.received[0]?.headers['authorization'], headers.authorization);
});

test('a failed job tells of its failure', async (t) => {
  const receiver = await startReceiver([200], t);
  const jobId = await hooks.submit({ url: receiver.url }, { agent_type: 'shell', question: 'exit 3' });
  await hooks.webhookOf(jobId, isDelivered);
  const { event, job } = bodyOf(receiver.received[0]);
  assertValid('JobWebhookPayload', { event, job });
  assert.deepEqual([event, job['status'], typeof job['error']], ['job.failed', 'failed', 'string']);
});

test('a job that is canceled while it waits tells at once; without a secret nothing is signed', async (t) => {
  const receiver = await startReceiver([200], t);
  const later = Math.floor(Date.now() / 1_000) + 3_600;
  const jobId = await hooks.submit({ url: receiver.url }, { schedule_at: later });
  await caller.cancel(jobId);
  await hooks.webhookOf(jobId, isDelivered);
  const [attempt] = receiver.received;
  const { event, job } = bodyOf(attempt);
  assertValid('JobWebhookPayload', { event, job });
  assert.deepEqual([event, job['status'], typeof job['canceled_at']], ['job.canceled', 'canceled', 'number']);
  const signed = attempt?.headerNames.filter((name) => /signature|agent-timestamp/i.test(name));
  assert.deepEqual(signed, []);
});

test('a job that is canceled while it runs tells once, after its node has let it go', async (t) => {
  const receiver = await startReceiver([200], t);
  const jobId = await hooks.submit({ url: receiver.url }, { agent_type: 'shell', question: 'sleep 600' });
  await eventually('the first step of the job', async () => {
    const found = await rows(`select 1 from events where job_id = $1 and type = 'step.started'`, [jobId]);
    return found.length > 0;
  });
  await caller.cancel(jobId);
  await hooks.webhookOf(jobId, isDelivered);
  const { event, job } = bodyOf(receiver.received[0]);
  assert.equal(event, 'job.canceled');
  assert.equal((job['result'] as Json)['ok'], true);
  const [ends] = await rows<{ stopped: Date; told: Date }>(
    `select e.at as stopped, d.created_at as told from events e join webhook_deliveries d on d.job_id = e.job_id
     where e.job_id = $1 and e.type = 'job.stopped'`,
    [jobId],
  );
  assert.ok(ends && ends.told >= ends.stopped);
  assert.equal(receiver.received.length, 1);
});

test('custom headers are sent, and may replace the content type but nothing else of ours', async (t) => {
  const receiver = await startReceiver([200], t);
  const headers = { 'content-type': 'application/vnd.x+json', 'User-agent': 'mine', 'X-Custom': 'ä' };
  const jobId = await hooks.submit({ url: receiver.url, headers });
  await hooks.webhookOf(jobId, isDelivered);
  const [attempt] = receiver.received;
  assert.equal(attempt?.headers['content-type'], 'application/vnd.x+json');
  assert.equal(attempt.headers['user-agent'], 'kazi');
  assert.equal(attempt.headers['x-custom'], 'ä');
  assert.equal(attempt.headerNames.filter((name) => /^(?:user-agent|content-type)$/i.test(name)).length, 2);
});
