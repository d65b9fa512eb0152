import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { Webhook } from 'standardwebhooks';
import { startApi } from '../support/api.ts';
import { startReceiver } from '../support/receiver.ts';
import { eventually } from '../support/signals.ts';
import { type Json, WebhookCaller } from './webhook-caller.ts';

const api = await startApi({
  webhooks: { waitMs: () => 0, disableAfter: { failures: 3, failingMs: 0 } },
});

/** An admin of a tenant of its own, so that its endpoints hear of no other test's jobs. */
const newTenant = async (): Promise<WebhookCaller> =>
  new WebhookCaller(api, await api.key({ tenantId: randomUUID(), scopes: ['user', 'admin'] }));

const eventsAt = (received: readonly { readonly body: string }[]): readonly string[] =>
  received.map(({ body }) => String((JSON.parse(body) as Json)['event']));

test('an endpoint is told of the jobs of its tenant that it listens to, signed with a secret that is shown once', async (t) => {
  const hooks = await newTenant();
  const all = await startReceiver([200], t);
  const failures = await startReceiver([200], t);
  const { id, secret = '' } = await hooks.endpoint({ url: all.url, name: 'all' });
  await hooks.endpoint({ url: failures.url, events: ['job.failed'], signing_secret: 'mine' });
  assert.match(secret, /^whsec_/);
  assert.ok(!(await hooks.ask('GET', '/webhooks/endpoints')).text.includes(secret));
  await hooks.submit(null);
  await hooks.submit(null, { agent_type: 'shell', question: 'exit 1' });
  await (await newTenant()).submit(null);
  const received = await all.take(2);
  for (const { body, headers } of received) new Webhook(secret).verify(body, headers as Record<string, string>);
  assert.deepEqual([...eventsAt(received)].toSorted(), ['job.complete', 'job.failed']);
  assert.deepEqual(eventsAt(await failures.take(1)), ['job.failed']);
  await hooks.settled(`endpoint_id=${id}&event=job.complete`);
  assert.deepEqual([all.received.length, failures.received.length], [2, 1]);
});

test('an endpoint of one session hears of that session alone', async (t) => {
  const hooks = await newTenant();
  const receiver = await startReceiver([200], t);
  const { id } = await hooks.endpoint({ url: receiver.url, session_id: 'this-one' });
  await hooks.submit(null, { session_id: 'another' });
  const jobId = await hooks.submit(null, { session_id: 'this-one' });
  const delivery = await hooks.settled(`endpoint_id=${id}`);
  assert.deepEqual([delivery['job_id'], delivery['state']], [jobId, 'delivered']);
});

test('a job with a webhook of its own tells both, each under an id of its own', async (t) => {
  const hooks = await newTenant();
  const receiver = await startReceiver([200], t);
  await hooks.endpoint({ url: receiver.url });
  const jobId = await hooks.submit({ url: receiver.url });
  const received = await receiver.take(2);
  assert.equal(new Set(received.map(({ headers }) => headers['webhook-id'])).size, 2);
  assert.equal((await hooks.deliveries(`job_id=${jobId}`)).length, 2);
});

test('a run of failures disables an endpoint, ends what waits for it and tells the other endpoints', async (t) => {
  const hooks = await newTenant();
  const dead = await startReceiver([500], t);
  const watcher = await startReceiver([200], t);
  const { id } = await hooks.endpoint({ url: dead.url, name: 'dead' });
  await hooks.endpoint({ url: watcher.url, events: ['webhook.endpoint_disabled'] });
  await hooks.submit(null);
  const [news] = await watcher.take(1);
  const { event, endpoint } = JSON.parse(news?.body ?? '') as { event: string; endpoint: Json };
  assert.equal(event, 'webhook.endpoint_disabled');
  assert.deepEqual(
    [endpoint['endpoint_id'], endpoint['name'], endpoint['reason']],
    [id, 'dead', '3 attempts in a row have failed'],
  );
  const disabled = await hooks.readEndpoint(id);
  assert.deepEqual([disabled['enabled'], disabled['failures']], [false, 3]);
  const delivery = await hooks.settled(`endpoint_id=${id}`);
  assert.deepEqual([delivery['state'], delivery['attempts']], ['failed', 3]);
  assert.equal((await hooks.ask('POST', `/webhooks/endpoints/${id}/test`)).status, 409);
  assert.equal((await hooks.ask('POST', `/webhooks/deliveries/${String(delivery['id'])}/replay`)).status, 409);
  // Nothing is written for it while it is out of use.
  const jobId = await hooks.submit(null);
  await hooks.webhookOf(jobId, () => true);
  await eventually('the end of the job', async () => {
    const job = await hooks.ok('GET', `/jobs/${jobId}`);
    return job['status'] === 'complete';
  });
  assert.deepEqual(await hooks.deliveries(`job_id=${jobId}`), []);
});

test('a success ends a run of failures; an endpoint that was enabled again begins anew, and what failed can be sent again', async (t) => {
  const hooks = await newTenant();
  const receiver = await startReceiver([500, 500, 200, 410, 200], t);
  const { id } = await hooks.endpoint({ url: receiver.url });
  await hooks.submit(null);
  const first = await hooks.settled(`endpoint_id=${id}`);
  assert.deepEqual([first['state'], first['attempts']], ['delivered', 3]);
  assert.equal((await hooks.readEndpoint(id))['failures'], 0);
  const since = Math.floor(Date.now() / 1_000) - 1;
  const jobId = await hooks.submit(null);
  const gone = await hooks.settled(`job_id=${jobId}`);
  assert.deepEqual([gone['state'], gone['last_status']], ['failed', 410]);
  await eventually('the endpoint to be disabled', async () => (await hooks.readEndpoint(id))['enabled'] === false);
  assert.match(String((await hooks.readEndpoint(id))['disabled_reason']), /410 Gone/);
  assert.equal((await hooks.ok('POST', '/webhooks/deliveries/replay-failed', { since }))['replayed'], 0);
  await hooks.ok('PATCH', `/webhooks/endpoints/${id}`, { enabled: true });
  assert.equal(
    (await hooks.ok('POST', '/webhooks/deliveries/replay-failed', { since, endpoint_id: id }))['replayed'],
    1,
  );
  const again = await hooks.settled(`job_id=${jobId}`);
  assert.deepEqual([again['state'], again['attempts'], again['id']], ['delivered', 2, gone['id']]);
  assert.equal(receiver.received.at(-1)?.headers['webhook-id'], gone['id']);
});

test('one delivery is sent again on demand, with all its attempts anew', async (t) => {
  const hooks = await newTenant();
  const receiver = await startReceiver([500, 500, 500, 200, 200], t);
  const jobId = await hooks.submit({ url: receiver.url, max_attempts: 2 });
  const failed = await hooks.settled(`job_id=${jobId}`);
  assert.deepEqual([failed['state'], failed['attempts']], ['failed', 2]);
  const replay = async (): Promise<Json> => {
    await hooks.ok('POST', `/webhooks/deliveries/${String(failed['id'])}/replay`);
    return await hooks.settled(`job_id=${jobId}`);
  };
  const second = await replay();
  assert.deepEqual([second['state'], second['attempts']], ['delivered', 4]);
  const third = await replay();
  assert.deepEqual([third['state'], third['attempts']], ['delivered', 5]);
  assert.deepEqual(
    (await hooks.attempts(failed['id'])).map(({ number }) => number),
    [1, 2, 3, 4, 5],
  );
  assert.equal((await hooks.webhookOf(jobId, () => true))['attempts'], 5);
});

test('a test event reaches an endpoint whatever it listens to', async (t) => {
  const hooks = await newTenant();
  const receiver = await startReceiver([200], t);
  const { id, secret = '' } = await hooks.endpoint({ url: receiver.url, events: ['job.failed'] });
  const sent = (await hooks.ok('POST', `/webhooks/endpoints/${id}/test`))['delivery'] as Json;
  const [attempt] = await receiver.take(1);
  assert.equal(attempt?.headers['webhook-id'], sent['id']);
  new Webhook(secret).verify(attempt?.body ?? '', attempt?.headers as Record<string, string>);
  assert.deepEqual(eventsAt(receiver.received), ['webhook.test']);
});

test('a rotated secret signs beside the old one for the time that was asked for', async (t) => {
  const hooks = await newTenant();
  const receiver = await startReceiver([200], t);
  const { id, secret: first = '' } = await hooks.endpoint({ url: receiver.url });
  const rotate = async (body: Json): Promise<string> =>
    String((await hooks.ok('POST', `/webhooks/endpoints/${id}/rotate-secret`, body))['signing_secret']);
  const second = await rotate({});
  await hooks.ok('POST', `/webhooks/endpoints/${id}/test`);
  const [both] = await receiver.take(1);
  for (const secret of [first, second])
    new Webhook(secret).verify(both?.body ?? '', both?.headers as Record<string, string>);
  assert.equal(typeof (await hooks.readEndpoint(id))['previous_secret_until'], 'number');
  const third = await rotate({ keep_previous_seconds: 0 });
  await hooks.ok('POST', `/webhooks/endpoints/${id}/test`);
  const [, alone] = await receiver.take(2);
  const headers = alone?.headers as Record<string, string>;
  new Webhook(third).verify(alone?.body ?? '', headers);
  assert.throws(() => new Webhook(second).verify(alone?.body ?? '', headers));
});

test('a change keeps what it does not name; a deleted endpoint is gone with what waits for it, and its log stays', async (t) => {
  const hooks = await newTenant();
  const receiver = await startReceiver([200], t);
  const { id, secret = '' } = await hooks.endpoint({ url: 'https://a.invalid/', name: 'a', timeout_seconds: 5 });
  await hooks.ok('PATCH', `/webhooks/endpoints/${id}`, { url: receiver.url, events: ['job.complete'] });
  const changed = await hooks.readEndpoint(id);
  assert.deepEqual(
    [changed['name'], changed['url'], changed['events'], changed['timeout_seconds'], changed['max_attempts']],
    ['a', receiver.url, ['job.complete'], 5, 8],
  );
  await hooks.ok('PATCH', `/webhooks/endpoints/${id}`, { events: null, timeout_seconds: null });
  const reset = await hooks.readEndpoint(id);
  assert.deepEqual([reset['events'], reset['timeout_seconds']], [null, 10]);
  await hooks.submit(null);
  const [attempt] = await receiver.take(1);
  new Webhook(secret).verify(attempt?.body ?? '', attempt?.headers as Record<string, string>);
  const delivery = await hooks.settled(`endpoint_id=${id}`);
  await hooks.ok('DELETE', `/webhooks/endpoints/${id}`);
  assert.equal((await hooks.ask('GET', `/webhooks/endpoints/${id}`)).status, 404);
  assert.equal((await hooks.ask('DELETE', `/webhooks/endpoints/${id}`)).status, 404);
  assert.equal((await hooks.ask('POST', `/webhooks/deliveries/${String(delivery['id'])}/replay`)).status, 404);
  assert.equal((await hooks.attempts(delivery['id'])).length, 1);
});

test('endpoints and deliveries of another tenant are not there, and malformed requests are refused with words', async (t) => {
  const hooks = await newTenant();
  const receiver = await startReceiver([200], t);
  const { id } = await hooks.endpoint({ url: receiver.url });
  const jobId = await hooks.submit(null);
  const delivery = await hooks.settled(`job_id=${jobId}`);
  const other = await newTenant();
  const path = `/webhooks/deliveries/${String(delivery['id'])}`;
  for (const [method, route] of [
    ['GET', `/webhooks/endpoints/${id}`],
    ['DELETE', `/webhooks/endpoints/${id}`],
    ['POST', `/webhooks/endpoints/${id}/test`],
    ['GET', path],
    ['POST', `${path}/replay`],
    ['GET', '/webhooks/endpoints/nope'],
    ['GET', '/webhooks/deliveries/nope'],
  ] as const) {
    assert.equal((await other.ask(method, route)).status, 404, `${method} ${route}`);
  }
  assert.deepEqual(await other.deliveries(`job_id=${jobId}`), []);
  for (const body of [
    {},
    { url: 'nope' },
    { url: receiver.url, events: ['nope'] },
    { url: receiver.url, events: [] },
  ]) {
    assert.equal((await hooks.ask('POST', '/webhooks/endpoints', body)).status, 400);
  }
  for (const query of ['state=nope', 'endpoint_id=nope', 'since=nope', 'limit=0', 'cursor=nope', 'job_id=nope']) {
    assert.equal((await hooks.ask('GET', `/webhooks/deliveries?${query}`)).status, 400, query);
  }
  for (const body of [{}, { since: 'x' }, { since: 1, stray: 1 }]) {
    assert.equal((await hooks.ask('POST', '/webhooks/deliveries/replay-failed', body)).status, 400);
  }
});

test('the list has pages, newest first, and a tenant has at most 50 endpoints', async (t) => {
  const hooks = await newTenant();
  const receiver = await startReceiver([200], t);
  const { id } = await hooks.endpoint({ url: receiver.url });
  for (let count = 0; count < 5; count += 1) await hooks.ok('POST', `/webhooks/endpoints/${id}/test`);
  const seen: string[] = [];
  for (let cursor = ''; ; ) {
    const page = await hooks.ok('GET', `/webhooks/deliveries?limit=2${cursor && `&cursor=${cursor}`}`);
    seen.push(...(page['deliveries'] as { id: string }[]).map((delivery) => delivery.id));
    if (page['next_cursor'] === null) break;
    cursor = page['next_cursor'] as string;
  }
  assert.equal(seen.length, 5);
  assert.deepEqual(
    seen,
    [...new Set(seen)].toSorted((one, other) => (one < other ? 1 : -1)),
  );
  for (let count = 1; count < 50; count += 1) await hooks.endpoint({ url: 'https://a.invalid/' });
  const refused = await hooks.ask('POST', '/webhooks/endpoints', { url: 'https://a.invalid/' });
  assert.deepEqual([refused.status, refused.json['error']], [422, 'A tenant can have at most 50 webhook endpoints']);
});
