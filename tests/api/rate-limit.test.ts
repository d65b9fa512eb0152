import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import { startApi, type TestApi } from '../support/api.ts';
import { type Answer, bearer, send } from '../support/api-client.ts';
import { rowsOf } from '../support/rows.ts';
import { SocketClient } from '../support/socket-client.ts';
import { assertError } from '../wire/jobs/target.ts';

const LIMIT = 3;
const rateLimits = { sessionToken: LIMIT, apiKey: null };
const first = await startApi({ runsJobs: false, rateLimits });
const second = await startApi({ runsJobs: false, rateLimits, databaseUrl: first.databaseUrl });
const trusting = await startApi({ runsJobs: false, rateLimits: { sessionToken: null, apiKey: LIMIT } });
const counts = rowsOf(first.databaseUrl);

const submit = async (
  api: TestApi,
  credential: string,
  {
    body = {},
    headers = {},
  }: { body?: Readonly<Record<string, unknown>>; headers?: Readonly<Record<string, string>> } = {},
): Promise<Answer> =>
  await send(api.url, {
    method: 'POST',
    path: '/submit',
    headers: { ...bearer(credential), ...headers },
    body: { question: 'x', agent_type: 'echo', ...body },
  });

const useUp = async (api: TestApi, credential: string): Promise<void> => {
  for (let request = 1; request <= LIMIT; request += 1) assert.equal((await submit(api, credential)).status, 200);
};

const assertRefused = (answer: Answer): void => {
  assertError(answer, 429, 'Rate limit exceeded');
  const seconds = String(answer.headers['retry-after']);
  assert.match(seconds, /^\d+$/);
  assert.ok(Number(seconds) >= 1 && Number(seconds) <= 60, seconds);
};

describe('the rate limit', () => {
  test('counts the requests of a subject over all nodes', async () => {
    const token = first.token({ tenantId: 'shared', userId: 'u' });
    assert.equal((await submit(first, token)).status, 200);
    assert.equal((await submit(second, token)).status, 200);
    assert.equal((await submit(first, token)).status, 200);
    for (const api of [first, second, first]) assertRefused(await submit(api, token));
  });

  test('admits exactly the limit of requests that come at once', async () => {
    const token = first.token({ tenantId: 'at-once', userId: 'u' });
    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_, place) => await submit(place % 2 === 0 ? first : second, token)),
    );
    assert.equal(answers.filter(({ status }) => status === 200).length, LIMIT);
  });

  test('counts sockets by their route, and refuses them over HTTP', async () => {
    const token = first.token({ tenantId: 'sockets', userId: 'u' });
    for (const path of ['/query_stream?session_id=s', '/ws', '/events']) {
      for (let opened = 1; opened <= LIMIT; opened += 1) {
        await (await SocketClient.open(first.url, path, token)).close();
      }
      await assert.rejects(SocketClient.open(first.url, path, token), /429/, path);
    }
    assert.equal((await submit(first, token)).status, 200);
  });

  test('begins anew when its window has ended', async () => {
    const token = first.token({ tenantId: 'window', userId: 'u' });
    await useUp(first, token);
    assertRefused(await submit(first, token));
    await counts('update request_counts set ends_at = clock_timestamp()');
    assert.equal((await submit(second, token)).status, 200);
  });

  test('is one for a user with many tokens, and another for each user, tenant, session and nameless token', async () => {
    await useUp(first, first.token({ tenantId: 'a', userId: 'u' }));
    assertRefused(await submit(first, first.token({ tenantId: 'a', userId: 'u', issuedAtMs: Date.now() - 5_000 })));
    for (const claims of [
      { tenantId: 'a', userId: 'v' },
      { tenantId: 'b', userId: 'u' },
      { tenantId: 'a' },
      {},
      { issuedAtMs: Date.now() - 7_000 },
    ]) {
      assert.equal((await submit(first, first.token(claims))).status, 200, JSON.stringify(claims));
    }
    const sessionIds = [`s-${randomUUID()}`];
    const answer = await submit(first, first.token({ sessionIds }), { body: { session_id: sessionIds[0] } });
    assert.equal(answer.status, 200);
  });

  test('is one for each route', async () => {
    const token = first.token({ tenantId: 'routes', userId: 'u' });
    await useUp(first, token);
    const query = {
      method: 'POST',
      path: '/query',
      headers: bearer(token),
      body: { question: 'x', agent_type: 'nope' },
    };
    assert.equal((await send(first.url, query)).status, 400);
    assert.equal((await send(first.url, { path: '/jobs', headers: bearer(token) })).status, 200);
  });

  test('does not count requests that are refused before, nor repeated ones', async () => {
    const token = first.token({ tenantId: 'free', userId: 'u' });
    const session = `s-${randomUUID()}`;
    for (let request = 0; request < LIMIT; request += 1) {
      assert.equal((await submit(first, token, { body: { agent_type: 'nope' } })).status, 400);
      assert.equal((await submit(first, token, { body: { tenant_id: 'other' } })).status, 403);
    }
    const headers = { 'idempotency-key': session };
    for (let request = 0; request <= LIMIT; request += 1) {
      const answer = await submit(first, token, { headers });
      assert.equal(answer.status, 200);
      assert.equal(answer.headers['idempotency-replayed'], request === 0 ? undefined : 'true');
    }
    assert.equal((await submit(first, token)).status, 200);
    assert.equal((await submit(first, token)).status, 200);
    assertRefused(await submit(first, token));
    assert.equal((await submit(first, token, { headers })).headers['idempotency-replayed'], 'true');
    assert.equal((await submit(first, token, { body: { agent_type: 'nope' } })).status, 400);
  });

  test('leaves no kept answer behind: the same key is accepted once there is room', async () => {
    const token = first.token({ tenantId: 'kept', userId: 'u' });
    await useUp(first, token);
    const headers = { 'idempotency-key': 'kept' };
    assertRefused(await submit(first, token, { headers }));
    await counts('update request_counts set ends_at = clock_timestamp()');
    const answer = await submit(second, token, { headers });
    assert.deepEqual([answer.status, answer.headers['idempotency-replayed']], [200, undefined]);
  });

  test('counts nothing for API keys unless the operator says so', async () => {
    const countAll = async () => Number((await counts('select count(*)::integer as n from request_counts'))[0]?.['n']);
    const key = await first.key({ tenantId: 'keys', userId: 'u' });
    const before = await countAll();
    for (let request = 0; request < LIMIT * 3; request += 1) assert.equal((await submit(first, key)).status, 200);
    assert.equal(await countAll(), before);
    await useUp(trusting, trusting.adminKey);
    assertRefused(await submit(trusting, trusting.adminKey));
  });

  test('may be off', async () => {
    const token = trusting.token({ tenantId: 'off', userId: 'u' });
    for (let request = 0; request < LIMIT * 2; request += 1) assert.equal((await submit(trusting, token)).status, 200);
  });
});
