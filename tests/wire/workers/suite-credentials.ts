import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bearer, send } from '../../support/api-client.ts';
import { ABSENT_ID, assertError, Caller, checkAnswer, mintToken, type Target } from './target.ts';

/** Routes with a body that passes every check, by their path below a worker. */
const ROUTES: readonly { readonly method: string; readonly path: string; readonly body?: Record<string, unknown> }[] = [
  { method: 'GET', path: '' },
  { method: 'POST', path: '', body: { input: 'true' } },
  { method: 'PATCH', path: '', body: { title: 'x' } },
  { method: 'GET', path: '/stream' },
  { method: 'GET', path: '/email' },
  { method: 'GET', path: '/files/a.txt' },
  { method: 'HEAD', path: '/files/a.txt' },
  { method: 'GET', path: '/webhook' },
  { method: 'PUT', path: '/webhook', body: { url: null } },
  { method: 'DELETE', path: '/webhook' },
  { method: 'POST', path: '/webhook/regenerate-token' },
  { method: 'GET', path: '/webhook/executions' },
  { method: 'POST', path: '/schedules', body: { input: 'x', when: { type: 'delayed', delayInSeconds: 9_000 } } },
  { method: 'GET', path: '/schedules' },
  { method: 'DELETE', path: '/schedules/sch_01HZY31W2SZJ8MJ2FQTR3M1K9D' },
  { method: 'DELETE', path: '' },
];

/** Conformance checks 1, 2, 42 and 44: who may use what, and how errors look. */
export const defineCredentialChecks = (target: Target): void => {
  const caller = new Caller(target);
  const bare = async (method: string, path: string, headers: Readonly<Record<string, string>> = {}) =>
    checkAnswer(await send(target.url, { method, path, headers }));

  test('1. every route without credential is 401, with a bad worker id and a bad body too', async () => {
    const { id } = await caller.create({ input: 'true' });
    for (const { method, path } of ROUTES) {
      for (const worker of [id, 'nope', ABSENT_ID]) {
        const answer = await bare(method, `/api/workers/${worker}${path}?user_id=x`);
        if (method === 'HEAD') assert.equal(answer.status, 401);
        else assertError(answer, 401, 'unauthorized', 'Missing authorization token');
      }
    }
    assertError(await bare('POST', '/api/workers'), 401, 'unauthorized', 'Missing authorization token');
    const basic = { authorization: 'Basic x' };
    assertError(await bare('POST', '/api/workers', basic), 401, 'unauthorized', 'Invalid authorization header');
  });

  test('2. keys and tokens work; ?token= on files and streams alone', async () => {
    const token = mintToken(target, { tenant_id: 'default', user_id: 'admin' });
    const { id } = await new Caller(target, token).worked('echo x > a.txt');
    const worker = `/api/workers/${id}`;
    for (const credential of [token, target.apiKey]) {
      assert.equal((await bare('GET', worker, bearer(credential))).status, 200);
      const query = `?token=${encodeURIComponent(credential)}`;
      for (const path of [`${worker}/files/a.txt`, `${worker}/stream`]) {
        assert.equal((await bare('GET', path + query)).status, 200, path);
      }
      assert.equal((await bare('GET', `${worker}${query}&stream=true`)).status, 200);
      assertError(await bare('GET', worker + query), 401, 'unauthorized');
      assertError(await bare('GET', `${worker}/email${query}`), 401, 'unauthorized');
      assertError(await bare('POST', `/api/workers${query}`), 401, 'unauthorized');
    }
  });

  test('42. another user reaches no route, as if there were no worker', async () => {
    const { id } = await caller.worked('echo x > a.txt');
    const strangers = [
      mintToken(target, { tenant_id: 'default', user_id: 'somebody-else' }),
      mintToken(target, { tenant_id: 'another', user_id: 'admin' }),
      mintToken(target, { tenant_id: 'default', user_id: 'admin', session_ids: ['another'] }),
    ].map((token) => new Caller(target, token));
    for (const stranger of strangers) {
      for (const { method, path, body } of ROUTES) {
        const answers = [];
        for (const worker of [id, ABSENT_ID]) {
          const request = { method, path: `/api/workers/${worker}${path}`, ...(body ? { body } : {}) };
          answers.push(await stranger.send(request));
        }
        const [foreign, unknown] = answers;
        assert.deepEqual([foreign?.status, foreign?.text], [404, unknown?.text], `${method} ${path}`);
      }
    }
    assert.equal((await caller.worker(id)).id, id);
  });

  test('a scoped token reaches the workers in its list, and creates none', async () => {
    const { id } = await caller.worked('true');
    const claims = { tenant_id: 'default', user_id: 'admin', session_ids: [id] };
    const scoped = new Caller(target, mintToken(target, claims));
    assert.equal((await scoped.worker(id)).id, id);
    assert.equal((await scoped.continue(id, { input: 'true' })).id, id);
    assertError(await scoped.post('/api/workers', '{'), 403, 'forbidden', 'Session not authorized');
  });

  test('a worker without a user is 502 to whoever has one', async () => {
    const userless = new Caller(target, mintToken(target, { tenant_id: 'default' }));
    const { id } = await userless.create({ input: 'true' });
    const answer = await caller.get(`/api/workers/${id}`);
    assertError(answer, 502, 'bad_gateway', 'Worker record missing user_id for ownership enforcement');
  });

  test('the order of checks: hints, id, existence, body', async () => {
    const post = async (path: string) => await caller.post(`/api/workers/${path}`, '{');
    assertError(await post('nope?user_id=x'), 403, 'forbidden', 'user_id mismatch');
    assertError(await post('nope?user_id=admin&tenant_id=x'), 403, 'forbidden', 'tenant_id mismatch');
    assertError(await post('nope?user_id=admin&tenant_id=default'), 400, 'invalid_request', 'Invalid worker id');
    assertError(await post(ABSENT_ID), 404, 'not_found', 'Worker not found');
    const { id } = await caller.create({ input: 'true' });
    assertError(await post(id), 400, 'invalid_json');
    // Decoded once: a second encoding is no id.
    assert.equal((await caller.get(`/api/workers/${encodeURIComponent(id).replaceAll('_', '%5F')}`)).status, 200);
    assertError(await caller.get(`/api/workers/${id.replaceAll('_', '%255F')}`), 400, 'invalid_request');
  });

  test('a worker exists only where this family made it', async () => {
    const id = ABSENT_ID.replace('M', 'N');
    const made = await caller.post('/submit', { question: 'true', session_id: id });
    assert.equal(made.status, 200, made.text);
    assertError(await caller.get(`/api/workers/${id}`), 404, 'not_found', 'Worker not found');
  });

  test('44. unknown paths and methods have the form of this family, and no client repeats them', async () => {
    const { id } = await caller.create({ input: 'true' });
    for (const path of ['/api', '/api/', '/api/tasks', '/api/nope', `/api/workers/${id}/nope`]) {
      assertError(await caller.get(path), 404, 'not_found', 'Not found');
    }
    assertError(await caller.get('/api/workers'), 405, 'method_not_allowed', 'Method not allowed');
    assertError(await caller.get('/api/workers/'), 405, 'method_not_allowed');
    assertError(await caller.send({ method: 'PUT', path: `/api/workers/${id}` }), 405, 'method_not_allowed');
  });
};
