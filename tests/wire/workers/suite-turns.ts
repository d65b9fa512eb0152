import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bearer, send } from '../../support/api-client.ts';
import { assertError, Caller, checkAnswer, checkWorker, mintToken, type Target, WORKER_ID } from './target.ts';

const UUID = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/;

/** Conformance checks 3 to 12 and 43: turns. */
export const defineTurnChecks = (target: Target): void => {
  const caller = new Caller(target);

  test('3. create answers within a second with a running Worker', async () => {
    const before = performance.now();
    const answer = await caller.post('/api/workers', { input: 'sleep 0.2; echo x' });
    assert.ok(performance.now() - before < 1_000);
    const { status, running, metadata } = checkWorker(answer);
    assert.deepEqual([status, running], ['running', true]);
    assert.match(metadata.job_id, UUID);
    assert.equal(answer.headers['x-job-id'], metadata.job_id);
    assert.equal(answer.headers['x-worker-id'], answer.json['id']);
    // With a slash at the end it is the same route.
    assert.equal((await caller.post('/api/workers/', { input: 'true' })).status, 200);
  });

  test('4. the id has its shape and is the id of a session', async () => {
    const { id } = await caller.create({ input: 'true' });
    assert.equal(WORKER_ID.exec(id)?.[1], 'default');
    const state = await caller.get(`/session/${id}/state`);
    assert.equal((state.json['state'] as { session_id: string }).session_id, id);
    const other = new Caller(target, mintToken(target, { tenant_id: 'a:b@c.d-e_f', user_id: 'u' }));
    assert.equal(WORKER_ID.exec((await other.create({ input: 'true' })).id)?.[1], 'a:b@c.d-e_f');
    const long = new Caller(target, mintToken(target, { tenant_id: 't'.repeat(65), user_id: 'u' }));
    assertError(await long.post('/api/workers', { input: 'true' }), 400, 'invalid_request');
  });

  test('5. /jobs shows the turn', async () => {
    const { id, metadata } = await caller.create({ input: '  echo "ü"  ' });
    const job = await caller.job(metadata.job_id);
    assert.deepEqual([job['session_id'], job['question']], [id, '  echo "ü"  ']);
  });

  test('6. a bad body is 400; an unknown key is ignored', async () => {
    const { id } = await caller.create({ input: 'true', agent_type: 'x', nothing: { known: 1 } });
    const faults: readonly [Readonly<Record<string, unknown>>, string][] = [
      [{}, 'input must be a non-empty string'],
      [{ input: '' }, 'input must be a non-empty string'],
      [{ input: 1 }, 'input must be a non-empty string'],
      [{ input: null }, 'input must be a non-empty string'],
      [{ input: 'x', budget: 'huge' }, 'budget must be one of low, standard, high, unlimited'],
      [{ input: 'x', budget: null }, 'budget must be one of low, standard, high, unlimited'],
      [{ input: 'x', stream: 'true' }, 'stream must be a boolean'],
      [{ input: 'x', stream: null }, 'stream must be a boolean'],
    ];
    for (const [body, message] of faults) {
      for (const path of ['/api/workers', `/api/workers/${id}`]) {
        assertError(await caller.post(path, body), 400, 'invalid_request', message);
      }
    }
    assertError(await caller.post('/api/workers', { input: 'x'.repeat(100_001) }), 400, 'invalid_request');
    assertError(await caller.post('/api/workers', { input: 'a\0b' }), 400, 'invalid_request');
    assertError(await caller.post('/api/workers', '[]'), 400, 'invalid_request');
    assertError(await caller.post('/api/workers', { title: 'a template of 0.14' }), 400, 'invalid_request');
  });

  test('7. broken JSON is 400 invalid_json', async () => {
    for (const body of ['{', '', 'nope']) {
      assertError(await caller.post('/api/workers', body), 400, 'invalid_json', 'Request body is not valid JSON');
    }
  });

  test('8. after the end the worker is completed, with its output and messages', async () => {
    const worker = await caller.worked('echo hello');
    assert.deepEqual([worker.status, worker.running, worker.error], ['completed', false, null]);
    assert.equal(worker.output_text.trim(), 'hello');
    assert.equal(worker.metadata.job_status, 'complete');
    assert.deepEqual(
      worker.messages.map(({ role, parts }) => [role, parts.find(({ type }) => type === 'text')?.text?.trim()]),
      [
        ['user', 'echo hello'],
        ['assistant', 'hello'],
      ],
    );
  });

  test('9. continue keeps the workspace and the messages; job_id is the newest', async () => {
    const first = await caller.worked('echo kept > memory.txt');
    const next = await caller.continue(first.id, { input: 'cat memory.txt' });
    assert.notEqual(next.metadata.job_id, first.metadata.job_id);
    assert.deepEqual([next.id, next.status, next.running], [first.id, 'running', true]);
    const worker = await caller.ended(first.id);
    assert.equal(worker.output_text.trim(), 'kept');
    assert.equal(worker.metadata.job_id, next.metadata.job_id);
    assert.deepEqual(
      worker.messages.map(({ role }) => role),
      // The first turn answered with a file alone.
      ['user', 'assistant', 'user', 'assistant'],
    );
  });

  test('10. turns of a busy worker queue and run in order', async () => {
    const { id } = await caller.create({ input: 'sleep 0.3; echo one >> order' });
    const answers = await Promise.all(
      [2, 3].map(async (n) => await caller.continue(id, { input: `echo ${n} >> order` })),
    );
    assert.deepEqual(
      answers.map(({ running }) => running),
      [true, true],
    );
    const { output_text } = await caller.ended((await caller.continue(id, { input: 'cat order' })).id);
    assert.deepEqual(output_text.trim().split('\n').toSorted(), ['2', '3', 'one']);
    assert.ok(output_text.startsWith('one'));
  });

  test('11. a turn that fails is completed, with job_status failed and its error', async () => {
    const worker = await caller.worked('echo before; echo oops >&2; exit 3');
    assert.deepEqual([worker.status, worker.running, worker.error], ['completed', false, null]);
    assert.equal(worker.metadata.job_status, 'failed');
    assert.match(String(worker.metadata['error']), /oops/);
    assert.equal(worker.output_text.trim(), 'before');
  });

  test('12. DELETE /jobs/{id} of a running turn: completed, canceled', async () => {
    const { id, metadata } = await caller.create({ input: 'sleep 30' });
    await caller.stream(`/api/workers/${id}/stream`, { until: (text) => text.includes('"start"') });
    assert.equal((await caller.send({ method: 'DELETE', path: `/jobs/${metadata.job_id}` })).status, 200);
    const worker = await caller.ended(id);
    assert.deepEqual([worker.status, worker.metadata.job_status], ['completed', 'canceled']);
    assert.equal(worker.metadata['error'], 'Canceled');
    assert.equal(worker.running, false);
  });

  test('43. a create that an SDK repeats gives the same worker; a key with another body is 422', async () => {
    const body = { input: `echo ${crypto.randomUUID()}` };
    const first = await caller.create(body, { 'x-stainless-retry-count': '0' });
    const again = await caller.post('/api/workers', body, { 'x-stainless-retry-count': '1' });
    assert.equal(again.json['id'], first.id);
    assert.equal(again.headers['idempotency-replayed'], 'true');
    const other = await caller.create(body, { 'x-stainless-retry-count': '0' });
    assert.notEqual(other.id, first.id);

    const key = { 'idempotency-key': crypto.randomUUID() };
    const one = await caller.post('/api/workers', body, key);
    await caller.ended(String(one.json['id']));
    const two = await caller.post('/api/workers', body, key);
    assert.deepEqual([two.text, two.headers['idempotency-replayed']], [one.text, 'true']);
    assert.equal(two.headers['x-job-id'], one.headers['x-job-id']);
    assertError(await caller.post('/api/workers', { input: 'other' }, key), 422, 'idempotency_mismatch');
    assertError(await caller.post('/api/workers', body, { 'idempotency-key': 'ü' }), 400, 'invalid_request');
    const both = await Promise.all(
      [1, 2].map(async () => await caller.create(body, { 'idempotency-key': 'at-the-same-time' })),
    );
    assert.equal(both[0]?.id, both[1]?.id);
  });

  test('43. a repeated stream of a create begins at the start of its turn', async () => {
    const options = {
      method: 'POST',
      body: { input: 'echo streamed', stream: true },
      headers: { accept: 'text/event-stream', 'idempotency-key': crypto.randomUUID() },
    };
    const first = await caller.stream('/api/workers', options);
    const again = await caller.stream('/api/workers', options);
    assert.equal(again.text.replaceAll(': hb\n', ''), first.text.replaceAll(': hb\n', ''));
    assert.equal(again.headers['idempotency-replayed'], 'true');
  });

  test('a body above 4 MiB is 413, but only for whoever has a credential', async () => {
    const path = '/api/workers';
    const body = JSON.stringify({ input: 'x'.repeat(5 * 1024 * 1024) });
    const refused = async (headers: Readonly<Record<string, string>>) =>
      checkAnswer(await send(target.url, { method: 'POST', path, headers, body }));
    assertError(await refused(bearer(target.apiKey)), 413, 'too_large', 'Request body too large');
    assertError(await refused({}), 401, 'unauthorized');
  });
};
