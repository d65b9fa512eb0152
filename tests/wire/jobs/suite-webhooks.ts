import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { test } from 'node:test';
import { send } from '../../support/api-client.ts';
import { type Received, startReceiver } from '../../support/receiver.ts';
import { eventually } from '../../support/signals.ts';
import { assertError, assertValid, Caller, type Target } from './target.ts';

const NEEDS_PRIVATE = 'the server needs KAZI_ALLOW_PRIVATE_WEBHOOKS=true';

type Json = Readonly<Record<string, unknown>>;

const LATER = (): number => Math.floor(Date.now() / 1_000) + 3_600;

const signatureOf = ({ headers, body }: Received, secret: string): string => {
  const signed = `${String(headers['webhook-id'])}.${String(headers['webhook-timestamp'])}.${body}`;
  return `v1,${createHmac('sha256', secret).update(signed).digest('base64')}`;
};

/** Parses with the keys in the order of the text, and says whether each object has them sorted. */
const hasSortedKeys = (value: unknown): boolean => {
  if (Array.isArray(value)) return value.every(hasSortedKeys);
  if (typeof value !== 'object' || value === null) return true;
  const keys = Object.keys(value);
  return keys.join('\n') === keys.toSorted().join('\n') && Object.values(value).every(hasSortedKeys);
};

/** Whether the server lets webhooks reach this machine, which is its operator's choice. */
const allowsPrivate = async (caller: Caller): Promise<boolean> => {
  const webhook = { url: 'http://127.0.0.1:1/', max_attempts: 1 };
  return (await caller.submit({ agent_type: 'echo', webhook })).status === 200;
};

/** Conformance checks 56 and 57: what is refused. */
export const defineRefusedWebhookChecks = (target: Target): void => {
  const caller = new Caller(target);

  test('56. a webhook to an address that is not public, or to a name that resolves there, is 422', async (t) => {
    if (await allowsPrivate(caller)) return t.skip('the server allows private webhooks');
    for (const host of ['127.0.0.1', '10.0.0.1', '169.254.169.254', '[::1]', 'localhost', '[::ffff:10.0.0.1]']) {
      const answer = await caller.submit({ webhook: { url: `http://${host}/hook` } });
      assert.equal(answer.status, 422, host);
      assert.match(String(answer.json['error']), /^Webhook URL not allowed: \S/);
    }
  });

  test('57. ftp: is 422, a malformed URL 400 before authentication, max_attempts 1000000000 is accepted', async () => {
    const refused = await caller.submit({ webhook: { url: 'ftp://a.example/' } });
    assert.equal(refused.status, 422);
    assert.match(String(refused.json['error']), /^Webhook URL not allowed: /);
    const userInfo = await caller.submit({ webhook: { url: 'https://u:p@a.example/' } });
    assert.match(String(userInfo.json['error']), /^Webhook URL not allowed: /);
    const body = { question: 'x', webhook: { url: 'nope' } };
    assertError(await send(target.url, { method: 'POST', path: '/submit', body }), 400, 'Invalid job submission body');
    assertError(
      await new Caller(target, 'kz_unknown').submit({ webhook: { url: 'https://a.example' } }),
      401,
      'Invalid API key',
    );
    const webhook = { url: 'https://a.invalid', max_attempts: 1_000_000_000, headers: null, signing_secret: null };
    const jobId = await caller.submitJob({ webhook, schedule_at: LATER() });
    const job = await caller.job(jobId);
    assert.deepEqual(job['webhook'], {
      ...{ url: 'https://a.invalid/', secret_ref: null, attempts: 0 },
      ...{ last_status: null, last_error: null, delivered_at: null },
    });
    const plain = await caller.job(await caller.submitJob({ webhook: null }));
    assert.ok(Object.values(plain['webhook'] as Json).every((value) => value === null));
  });

  test('57. forbidden headers are 422 by name', async () => {
    for (const name of ['Host', 'Content-Length', 'Transfer-Encoding', 'Connection', 'webhook-id', 'X-Agent-Thing']) {
      const webhook = { url: 'https://a.invalid', headers: { [name]: 'x' } };
      assertError(await caller.submit({ webhook }), 422, `Webhook header not allowed: ${name}`);
    }
  });

  test('58. an unknown secret_ref is 422', async () => {
    const webhook = { url: 'https://a.invalid', secret_ref: 'nobody' };
    assertError(await caller.submit({ webhook }), 422, 'Unknown secret_ref: nobody');
  });
};

/** Conformance checks 54, 55, 58 and 64: what is delivered, to a receiver on loopback, where the server allows that. */
export const defineWebhookChecks = (target: Target): void => {
  const caller = new Caller(target);
  const delivered = async (jobId: string): Promise<Json> =>
    await eventually(`the delivery of job ${jobId}`, async () => {
      const webhook = (await caller.job(jobId))['webhook'] as Json;
      return webhook['delivered_at'] === null ? false : webhook;
    });

  test('54. a webhook arrives once with both signatures valid; null keys are left out, body keys sorted', async (t) => {
    if (!(await allowsPrivate(caller))) return t.skip(NEEDS_PRIVATE);
    const receiver = await startReceiver([200], t);
    const webhook = { url: receiver.url, signing_secret: 'shh ü' };
    const jobId = await caller.submitJob({ webhook, metadata: { b: null, a: 'é' } });
    await delivered(jobId);
    const [attempt, ...others] = receiver.received;
    assert.deepEqual(others, []);
    assert.ok(attempt);
    assert.equal(attempt.headers['webhook-signature'], signatureOf(attempt, 'shh ü'));
    const stamp = String(attempt.headers['x-agent-timestamp']);
    const hex = createHmac('sha256', 'shh ü').update(`${stamp}.${attempt.body}`).digest('hex');
    assert.equal(attempt.headers['x-agent-signature'], `t=${stamp},v1=${hex}`);
    const body = JSON.parse(attempt.body) as { event: string; job: Json };
    assertValid('JobWebhookPayload', body);
    assert.equal(body.event, 'job.complete');
    assert.ok(hasSortedKeys(body));
    assert.ok(Object.values(body.job).every((value) => value !== null));
    assert.ok(Object.values(body.job['webhook'] as Json).every((value) => value !== null));
    assert.ok(Object.values(body.job['artifacts'] as Json).every((value) => value !== null));
    assert.deepEqual(body.job['metadata'], { a: 'é', b: null });
    assert.match(attempt.body, /^[\x20-\x7e]+$/);
    assert.doesNotMatch(attempt.body, /[:,] /);
  });

  test('55. a failed attempt is repeated after a second under the same webhook-id; 302 is not followed, 410 ends it', async (t) => {
    if (!(await allowsPrivate(caller))) return t.skip(NEEDS_PRIVATE);
    const elsewhere = await startReceiver([200], t);
    const redirect = await startReceiver(
      [(response) => void response.writeHead(302, { location: elsewhere.url }).end(), 200],
      t,
    );
    const jobId = await caller.submitJob({ webhook: { url: redirect.url, signing_secret: 's' } });
    const [first, second] = await redirect.take(2);
    assert.ok(first && second);
    const waitedMs = second.atMs - first.atMs;
    assert.ok(waitedMs >= 850 && waitedMs < 5_000, `${waitedMs} ms`);
    assert.equal(second.headers['webhook-id'], first.headers['webhook-id']);
    assert.equal(second.headers['webhook-signature'], signatureOf(second, 's'));
    assert.equal((await delivered(jobId))['attempts'], 2);
    assert.equal(elsewhere.received.length, 0);
    const gone = await startReceiver([410], t);
    const goneId = await caller.submitJob({ webhook: { url: gone.url } });
    await eventually('the bookkeeping', async () => {
      const { attempts, last_status } = (await caller.job(goneId))['webhook'] as Json;
      return attempts === 1 && last_status === 410;
    });
    assert.equal(gone.received.length, 1);
  });

  test('64. a schedule keeps its secret and headers when its answer is sent back, and its jobs are told of with them', async (t) => {
    if (!(await allowsPrivate(caller))) return t.skip(NEEDS_PRIVATE);
    const receiver = await startReceiver([200], t);
    const webhook = { url: receiver.url, signing_secret: 'of the schedule', headers: { 'X-Own': 'a' } };
    const terms = { name: 'n', question: 'q', agent_type: 'echo', schedule_type: 'cron', cron: '@yearly' };
    const made = await caller.post('/schedules', { ...terms, webhook });
    assert.equal(made.status, 200, made.text);
    const path = `/schedules/${String(made.json['schedule_id'])}`;
    const shown = made.json['webhook'] as Json;
    assert.deepEqual([shown['signing_secret'], shown['headers']], [null, { 'X-Own': 'a' }]);
    const changed = await caller.send({ method: 'PATCH', path, body: { webhook: { ...shown, timeout_seconds: 5 } } });
    assert.equal(changed.status, 200, changed.text);
    assert.equal((await caller.post(`${path}/run`)).status, 200);
    const [attempt] = await receiver.take(1);
    assert.ok(attempt);
    assert.equal(attempt.headers['webhook-signature'], signatureOf(attempt, 'of the schedule'));
    assert.equal(attempt.headers['x-own'], 'a');
    const refused = await caller.send({ method: 'PATCH', path, body: { webhook: { url: 'ftp://a.example/' } } });
    assert.equal(refused.status, 422);
    assert.doesNotMatch(made.text + changed.text + (await caller.get('/schedules')).text, /of the schedule/);
    await caller.send({ method: 'DELETE', path });
  });

  test('58. the secret that secret_ref names signs, and no answer shows it', async (t) => {
    if (target.hasNoKey === true) return t.skip('needs an API key with the scope admin');
    if (!(await allowsPrivate(caller))) return t.skip(NEEDS_PRIVATE);
    const receiver = await startReceiver([200], t);
    const set = await caller.send({ method: 'PUT', path: '/secrets/conformance', body: { value: 'never shown' } });
    assert.equal(set.status, 200, set.text);
    const jobId = await caller.submitJob({ webhook: { url: receiver.url, secret_ref: 'conformance' } });
    assert.equal((await delivered(jobId))['secret_ref'], 'conformance');
    const [attempt] = receiver.received;
    assert.ok(attempt);
    assert.equal(attempt.headers['webhook-signature'], signatureOf(attempt, 'never shown'));
    const answers = await Promise.all(
      [`/jobs/${jobId}`, '/jobs', '/secrets', `/jobs/${jobId}/events?after=0`].map(
        async (path) => await caller.get(path),
      ),
    );
    for (const answer of answers) assert.doesNotMatch(answer.text, /never shown/);
    assert.doesNotMatch(attempt.body + set.text, /never shown/);
  });

  test('64. the signing secret of a job is in no answer', async (t) => {
    if (!(await allowsPrivate(caller))) return t.skip(NEEDS_PRIVATE);
    const receiver = await startReceiver([200], t);
    const webhook = { url: receiver.url, signing_secret: 'sealed away', headers: { 'x-key': 'sealed too' } };
    const jobId = await caller.submitJob({ webhook });
    await delivered(jobId);
    const answers = await Promise.all([`/jobs/${jobId}`, '/jobs'].map(async (path) => await caller.get(path)));
    for (const answer of answers) assert.doesNotMatch(answer.text, /sealed/);
    assert.doesNotMatch(receiver.received[0]?.body ?? '', /sealed/);
  });
};
