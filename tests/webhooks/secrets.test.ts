import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { startApi } from '../support/api.ts';
import { type Received, startReceiver } from '../support/receiver.ts';
import { rowsOf } from '../support/rows.ts';
import { type Json, WebhookCaller } from './webhook-caller.ts';

const logLines: string[] = [];
const api = await startApi({ logLines, webhooks: { waitMs: () => 0 } });
const rows = rowsOf(api.databaseUrl);
const hooks = new WebhookCaller(api);

const isSignedBy = (attempt: Received | undefined, secret: string): boolean => {
  try {
    const key = secret.startsWith('whsec_') ? secret : Buffer.from(secret, 'utf8');
    const webhook = typeof key === 'string' ? new Webhook(key) : new Webhook(key, { format: 'raw' });
    webhook.verify(attempt?.body ?? '', attempt?.headers as Record<string, string>);
    return true;
  } catch {
    return false;
  }
};

/** Submits a job and gives what arrived of its end. */
const deliver = async (caller: WebhookCaller, webhook: Json, t: Parameters<typeof startReceiver>[1]) => {
  const receiver = await startReceiver([200], t);
  await caller.submit({ url: receiver.url, ...webhook });
  const [attempt] = await receiver.take(1);
  return attempt;
};

test('a secret is set, listed without its value, used and deleted', async (t) => {
  const set = await hooks.ok('PUT', '/secrets/ci.hook_1-a', { value: 'value of the secret' });
  assert.equal((set['secret'] as Json)['last_used_at'], null);
  const attempt = await deliver(hooks, { secret_ref: 'ci.hook_1-a' }, t);
  assert.ok(isSignedBy(attempt, 'value of the secret'));
  const listed = await hooks.ask('GET', '/secrets');
  const [entry] = listed.json['secrets'] as Json[];
  assert.deepEqual(
    [entry?.['name'], entry?.['previous_until'], typeof entry?.['last_used_at']],
    ['ci.hook_1-a', null, 'number'],
  );
  assert.ok(!listed.text.includes('value of'));
  await hooks.ok('DELETE', '/secrets/ci.hook_1-a');
  assert.equal((await hooks.ask('DELETE', '/secrets/ci.hook_1-a')).status, 404);
  const gone = await hooks.ask('POST', '/submit', {
    question: 'x',
    webhook: { url: 'https://a.invalid', secret_ref: 'ci.hook_1-a' },
  });
  assert.deepEqual([gone.status, gone.json['error']], [422, 'Unknown secret_ref: ci.hook_1-a']);
});

test('malformed names and values are refused, and the value is not in the answer', async () => {
  for (const name of ['a%20b', 'a%2Fb', 'x'.repeat(129), '%00', '%C3%BC']) {
    const answer = await hooks.ask('PUT', `/secrets/${name}`, { value: 'canary' });
    assert.equal(answer.status, 400, name);
    assert.ok(!answer.text.includes('canary'));
    assert.equal((await hooks.ask('DELETE', `/secrets/${name}`)).status, 404, name);
  }
  for (const body of [{}, { value: '' }, { value: 5 }, { value: 'x'.repeat(65_537) }, { value: 'x', stray: 1 }]) {
    assert.equal((await hooks.ask('PUT', '/secrets/x', body)).status, 400);
  }
});

test('secrets are of their tenant: another one neither sees, uses nor deletes them', async () => {
  await hooks.ok('PUT', '/secrets/ours', { value: 'ours alone' });
  const other = new WebhookCaller(api, await api.key({ tenantId: 'other', scopes: ['user', 'admin'] }));
  assert.deepEqual((await other.ok('GET', '/secrets'))['secrets'], []);
  assert.equal((await other.ask('DELETE', '/secrets/ours')).status, 404);
  const answer = await other.ask('POST', '/submit', {
    question: 'x',
    webhook: { url: 'https://a.invalid', secret_ref: 'ours' },
  });
  assert.equal(answer.json['error'], 'Unknown secret_ref: ours');
});

test('the secret of the job wins over the one it names, that over the default of the tenant; empty ones count as absent', async (t) => {
  const tenant = new WebhookCaller(api, await api.key({ tenantId: 'ranked', scopes: ['user', 'admin'] }));
  await tenant.ok('PUT', '/secrets/named', { value: 'the named one' });
  assert.equal(
    (await deliver(tenant, { signing_secret: '', secret_ref: '' }, t))?.headers['webhook-signature'],
    undefined,
  );
  await tenant.ok('PUT', '/secrets/webhook-signing-secret', { value: 'the default one' });
  assert.ok(isSignedBy(await deliver(tenant, { signing_secret: '', secret_ref: null }, t), 'the default one'));
  assert.ok(isSignedBy(await deliver(tenant, { secret_ref: 'named' }, t), 'the named one'));
  assert.ok(isSignedBy(await deliver(tenant, { secret_ref: 'named', signing_secret: 'own' }, t), 'own'));
});

test('while a secret rotates both values sign, and afterwards the new one alone', async (t) => {
  await hooks.ok('PUT', '/secrets/turning', { value: 'first value' });
  const kept = await hooks.ok('PUT', '/secrets/turning', { value: 'second value', keep_previous_seconds: 3_600 });
  assert.equal(typeof (kept['secret'] as Json)['previous_until'], 'number');
  const during = await deliver(hooks, { secret_ref: 'turning' }, t);
  assert.deepEqual([isSignedBy(during, 'first value'), isSignedBy(during, 'second value')], [true, true]);
  await rows(`update secrets set previous_until = clock_timestamp() - interval '1 s' where name = 'turning'`);
  const after = await deliver(hooks, { secret_ref: 'turning' }, t);
  assert.deepEqual([isSignedBy(after, 'first value'), isSignedBy(after, 'second value')], [false, true]);
  assert.match(String(during?.headers['x-agent-signature']), /^t=\d+,v1=[0-9a-f]{64},v1=[0-9a-f]{64}$/);
});

test('a delivery whose secret is gone by then fails, and is not sent unsigned', async (t) => {
  const receiver = await startReceiver([200], t);
  await hooks.ok('PUT', '/secrets/passing', { value: 'not for long' });
  const later = Math.floor(Date.now() / 1_000) + 3_600;
  const webhook = { url: receiver.url, secret_ref: 'passing', max_attempts: 1 };
  const jobId = await hooks.submit(webhook, { schedule_at: later });
  await hooks.ok('DELETE', '/secrets/passing');
  await hooks.ok('DELETE', `/jobs/${jobId}`);
  const delivery = await hooks.settled(`job_id=${jobId}`);
  assert.deepEqual([delivery['state'], delivery['last_error']], ['failed', 'Unknown secret_ref: passing']);
  assert.equal(receiver.received.length, 0);
});

test('values are nowhere but in the deliveries themselves: not in rows, log, errors, events or answers', async (t) => {
  const canaries = ['canary-in-the-vault', 'canary-signing-secret', 'canary-header-value', 'canary-of-an-endpoint'];
  const [inVault, signing, header, ofEndpoint] = canaries;
  const echo = await startReceiver(
    [(response, { headers }) => void response.writeHead(500).end(`you sent ${JSON.stringify(headers)}`)],
    t,
  );
  await hooks.ok('PUT', '/secrets/canary', { value: inVault });
  await hooks.ok('PUT', '/secrets/canary', { value: `${inVault}-2`, keep_previous_seconds: 60 });
  const made = await hooks.endpoint({
    url: echo.url,
    signing_secret: ofEndpoint,
    headers: { 'x-key': header },
    max_attempts: 1,
  });
  await hooks.ok('POST', `/webhooks/endpoints/${made.id}/rotate-secret`, { signing_secret: `${ofEndpoint}-2` });
  await hooks.ok('PATCH', `/webhooks/endpoints/${made.id}`, { headers: { 'x-key': `${header}-2` } });
  const webhook = { url: echo.url, headers: { 'x-key': header, cookie: header }, max_attempts: 2 };
  const jobs = [
    await hooks.submit({ ...webhook, signing_secret: signing }),
    await hooks.submit({ ...webhook, secret_ref: 'canary' }),
  ];
  for (const jobId of jobs) {
    await hooks.webhookOf(jobId, ({ attempts }) => attempts === 2);
    assert.equal((await hooks.ask('GET', `/jobs/${jobId}/events?after=0`)).status, 200);
  }
  const refused = await hooks.ask('POST', '/submit', {
    question: 'x',
    webhook: { url: `https://u:${String(signing)}@a.invalid`, signing_secret: signing, headers: { host: header } },
  });
  assert.equal(refused.status, 422);
  const deliveries = await hooks.deliveries();
  const answers = [
    refused.text,
    JSON.stringify([deliveries, await Promise.all(deliveries.map(async ({ id }) => await hooks.attempts(id)))]),
    ...(await Promise.all(
      ['/secrets', '/webhooks/endpoints', '/jobs', ...jobs.map((id) => `/jobs/${id}`)].map(
        async (path) => (await hooks.ask('GET', path)).text,
      ),
    )),
  ].join('\n');
  const tables = await rows<{ name: string }>(
    `select relname as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace`,
  );
  for (const { name } of tables) {
    const [found] = await rows<{ text: string | null }>(`select string_agg(t::text, ' ') as text from ${name} t`);
    assert.doesNotMatch(found?.text ?? '', /canary-/, `the table ${name}`);
  }
  assert.doesNotMatch(answers, /canary-/);
  assert.match(answers, /\[redacted\]/);
  assert.ok(logLines.length > 0);
  assert.doesNotMatch(logLines.join('\n'), /canary-/);
});
