import assert from 'node:assert/strict';
import { test } from 'node:test';
import { send } from '../../support/api-client.ts';
import { assertError, assertText, assertValid, Caller, checkAnswer, type Target } from './target.ts';

/** Conformance checks 1 to 4: rules of every route. */
export const defineHttpChecks = (target: Target): void => {
  const caller = new Caller(target);

  test('1. OPTIONS on any path is 204, empty, with CORS headers; error answers carry them too', async () => {
    for (const path of ['/submit', '/jobs/x', '/nope', '/', '/jobs/%zz', '/api/workers', '*']) {
      const answer = await send(target.url, {
        method: 'OPTIONS',
        path,
        headers: { 'access-control-request-headers': 'content-type, x-custom', origin: 'https://a.example' },
      });
      assert.deepEqual([answer.status, answer.text], [204, ''], path);
      assert.equal(answer.headers['access-control-allow-methods'], 'GET, POST, PUT, PATCH, DELETE, OPTIONS');
      assert.equal(
        answer.headers['access-control-allow-headers'],
        'Content-Type, Authorization, Idempotency-Key, Last-Event-ID, x-custom',
      );
      assert.equal(answer.headers['access-control-max-age'], '86400');
      assert.equal(answer.headers['access-control-allow-credentials'], undefined);
    }
    const failed = await caller.get('/jobs/nope');
    assert.equal(
      failed.headers['access-control-expose-headers'],
      'Retry-After, Content-Disposition, X-Request-Id, Idempotency-Replayed',
    );
  });

  test('2. /health is 200 without credential; an unknown path is 404 text', async () => {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
      const answer = await send(target.url, { method, path: '/health' });
      assert.equal(answer.status, 200, method);
      assertValid('HealthResponse', answer.json);
    }
    assertText(await caller.get('/nope'), 404, 'Not found');
    assertText(await caller.get('/%73ubmit'), 404, 'Not found');
  });

  test('3. broken JSON without credential is 400 Invalid JSON request body', async () => {
    for (const body of ['{', '', '\u{feff}{"question":"x"}', Buffer.from([0x22, 0xff, 0x22])]) {
      const answer = await send(target.url, { method: 'POST', path: '/submit', body });
      assertError(answer, 400, 'Invalid JSON request body');
      checkAnswer(answer);
    }
    assertError(await send(target.url, { path: '/submit' }), 400, 'Invalid JSON request body');
    assertText(await send(target.url, { method: 'PUT', path: '/submit', body: '{}' }), 405, 'Method not allowed');
  });

  test('4. an unknown key or a violated bound without credential is 400 with the string of the route', async () => {
    const bad: readonly Readonly<Record<string, unknown>>[] = [
      { question: 'x', stray: 1 },
      {},
      { question: null },
      { question: 'x'.repeat(20_001) },
      { question: 'x', session_id: 'a/b' },
      { question: 'x', session_id: '..' },
      { question: 'x', session_key: 'k'.repeat(257) },
      { question: 'x', schedule_at: 1.5 },
      { question: 'x', schedule_at: '5' },
      { question: 'x', metadata: [] },
      { question: 'x', agent_type: 5 },
      { question: 'x', webhook: { url: 'nope' } },
      { question: 'x', webhook: { url: 'https://a.example', max_attempts: 0 } },
      { question: 'x', webhook: { url: 'https://a.example', extra: 1 } },
    ];
    for (const body of bad) {
      assertError(
        await send(target.url, { method: 'POST', path: '/submit', body }),
        400,
        'Invalid job submission body',
      );
    }
    assertError(
      await send(target.url, { method: 'POST', path: '/submit', body: '[]' }),
      400,
      'Invalid job submission body',
    );
  });

  test('the Content-Type of a request is not checked', async () => {
    for (const type of ['text/plain', ';;;', 'application/xml', 'application/json; charset=latin1']) {
      assert.equal((await caller.submit({ agent_type: 'echo' }, { 'content-type': type })).status, 200, type);
    }
  });

  test('the path cases of section 3', async () => {
    assertText(await caller.get('/jobs/'), 400, 'Invalid job path');
    const id = await caller.submitJob();
    assertText(await caller.get(`/jobs/${id}/`), 404, 'Not found');
    assertText(await caller.get(`/jobs/${id}/nope`), 404, 'Not found');
    assertText(await caller.send({ method: 'PUT', path: `/jobs/${id}` }), 405, 'Method not allowed');
    assert.equal((await caller.send({ method: 'HEAD', path: `/jobs/${id}` })).status, 405);
    assertError(await caller.get(`/jobs/${id}/artifacts/`), 404, 'Artifact not found', { detail: true });
  });
};
