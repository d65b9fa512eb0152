import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { startApi, type TestApi } from '../support/api.ts';
import { gatedRuntime } from '../support/gated-runtime.ts';
import { allJobsEnded, rowsOf } from '../support/rows.ts';
import { assertError, Caller } from '../wire/jobs/target.ts';

const callerOf = (api: TestApi): Caller =>
  new Caller({ url: api.url, signingSecret: api.signingSecret, apiKey: api.adminKey });
const IN_PROGRESS = 'A request with this Idempotency-Key is still in progress';

test('a repeated query waits for the answer of the first, also on another node', async (t) => {
  const { runtime, begun, open } = gatedRuntime();
  const api = await startApi({ runtimes: [runtime] }, t);
  const other = await startApi({ databaseUrl: api.databaseUrl, runsJobs: false }, t);
  const headers = { 'idempotency-key': randomUUID() };
  const first = callerOf(api).query({}, headers);
  await begun;
  const same = new Caller({ ...callerOf(other).target, apiKey: api.adminKey });
  const second = same.query({}, headers);
  // Answered at once, so the wait of the second is a wait for the first and for nothing else.
  assertError(
    await same.query({ question: 'another' }, headers),
    422,
    'Idempotency-Key was used with a different request body',
  );
  open();
  const [one, two] = await Promise.all([first, second]);
  assert.deepEqual([one.status, two.status, two.text], [200, 200, one.text]);
  assert.deepEqual([one.headers['idempotency-replayed'], two.headers['idempotency-replayed']], [undefined, 'true']);
});

test('a repeated query whose first takes too long is 409, may be sent again, and stops nothing', async (t) => {
  const { runtime, begun, open } = gatedRuntime();
  const api = await startApi({ runtimes: [runtime], replayWaitMs: 100 }, t);
  const caller = callerOf(api);
  const headers = { 'idempotency-key': randomUUID() };
  const first = caller.query({}, headers);
  await begun;
  const second = await caller.query({}, headers);
  assertError(second, 409, IN_PROGRESS);
  assert.equal(second.headers['retry-after'], '1');
  open();
  const { status, text } = await first;
  assert.equal(status, 200);
  assert.equal((await caller.query({}, headers)).text, text);
});

test('a query that timed out is 504 again when it is repeated', async (t) => {
  const { runtime } = gatedRuntime();
  const api = await startApi({ runtimes: [runtime], queryTimeoutMs: 300 }, t);
  const caller = callerOf(api);
  const headers = { 'idempotency-key': randomUUID() };
  const answers = await Promise.all([caller.query({}, headers), caller.query({}, headers)]);
  answers.push(await caller.query({}, headers));
  for (const answer of answers) assertError(answer, 504, 'Query timed out after 0.3 seconds');
  assert.equal(answers.filter(({ headers: sent }) => sent['idempotency-replayed'] === 'true').length, 2);
  await allJobsEnded(rowsOf(api.databaseUrl), 10_000);
});

test('a key belongs to its tenant, user, method and path, and to the whole query string', async (t) => {
  const api = await startApi({ runsJobs: false }, t);
  const key = { 'idempotency-key': 'one and the same'.replaceAll(' ', '-') };
  const submit = async (token: string, path = '/submit') =>
    await new Caller(callerOf(api).target, token).send({
      method: 'POST',
      path,
      headers: key,
      body: { question: 'x', agent_type: 'echo' },
    });
  const ann = api.token({ tenantId: 'a', userId: 'ann' });
  const texts = [
    await submit(ann),
    await submit(api.token({ tenantId: 'a', userId: 'bob' })),
    await submit(api.token({ tenantId: 'b', userId: 'ann' })),
    await submit(api.token({ tenantId: 'a' })),
  ].map(({ text }) => text);
  assert.equal(new Set(texts).size, 4);
  const again = await submit(api.token({ tenantId: 'a', userId: 'ann', issuedAtMs: Date.now() - 9_000 }));
  assert.equal(again.text, texts[0], 'another token of the same user');
  assertError(await submit(ann, '/submit?x=1'), 422, 'Idempotency-Key was used with a different request body');
  const kept = await rowsOf(api.databaseUrl)(
    "select count(*)::integer as n from idempotency_keys where expires_at between now() + interval '23 h' and now() + interval '24 h 1 min'",
  );
  assert.deepEqual(kept, [{ n: 4 }]);
});

test('a key that is not 1 to 255 visible characters is 400, at every creating route and before anything is made', async (t) => {
  const api = await startApi({ runsJobs: false }, t);
  const caller = callerOf(api);
  for (const bad of ['', 'a b', 'x'.repeat(256), 'é']) {
    const headers = { 'idempotency-key': bad };
    assertError(await caller.submit({ agent_type: 'echo' }, headers), 400, 'Invalid Idempotency-Key');
    assertError(await caller.query({}, headers), 400, 'Invalid Idempotency-Key');
  }
  assert.deepEqual(await rowsOf(api.databaseUrl)('select count(*)::integer as n from jobs'), [{ n: 0 }]);
  assert.equal((await caller.submit({ agent_type: 'echo' }, { 'idempotency-key': '!'.repeat(255) })).status, 200);
});

test("an SDK's retry finds its first request only within 120 s, and only with the same credential", async (t) => {
  const api = await startApi({ runsJobs: false }, t);
  const caller = callerOf(api);
  const first = await caller.submit({ agent_type: 'echo' });
  const retry = { 'x-stainless-retry-count': '1' };
  assert.equal((await caller.submit({ agent_type: 'echo' }, retry)).text, first.text);
  const key = await api.key();
  assert.notEqual((await new Caller(caller.target, key).submit({ agent_type: 'echo' }, retry)).text, first.text);
  await rowsOf(api.databaseUrl)("update jobs set created_at = created_at - interval '121 s'");
  const late = await caller.submit({ agent_type: 'echo' }, retry);
  assert.deepEqual([late.text === first.text, late.headers['idempotency-replayed']], [false, undefined]);
});
