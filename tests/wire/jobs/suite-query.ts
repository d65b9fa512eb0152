import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { send } from '../../support/api-client.ts';
import { assertError, assertText, Caller, mintToken, type Target } from './target.ts';

/** Conformance checks 3 to 5, 12, 15, 19, 25, 29, 34, 39, 52 and 53, as far as they are about `/query`. */
export const defineQueryChecks = (target: Target): void => {
  const caller = new Caller(target);
  const as = (claims: Readonly<Record<string, unknown>>): Caller => new Caller(target, mintToken(target, claims));
  const freshId = (): string => `q-${randomUUID()}`;
  const countJobs = async (session: string): Promise<number> =>
    ((await caller.get(`/jobs?session_id=${session}`)).json['jobs'] as readonly unknown[]).length;
  /** Keeps a session busy until the returned function is called, which waits until it is idle again. */
  const occupy = async (session: string): Promise<() => Promise<unknown>> => {
    const jobId = await caller.submitJob({ session_id: session, agent_type: 'shell', question: 'sleep 60' });
    return async () => {
      await caller.cancel(jobId);
      return await caller.ended(jobId);
    };
  };

  test('3. /query with broken JSON and no credential is 400', async () => {
    for (const body of ['{', '', Buffer.from([0x22, 0xff, 0x22])]) {
      assertError(await send(target.url, { method: 'POST', path: '/query', body }), 400, 'Invalid JSON request body');
    }
    assertError(await send(target.url, { path: '/query' }), 400, 'Invalid JSON request body');
    assertText(await send(target.url, { method: 'PUT', path: '/query', body: '{}' }), 405, 'Method not allowed');
  });

  test('4. /query with an unknown key or a violated bound and no credential is 400', async () => {
    const bad: readonly Readonly<Record<string, unknown>>[] = [
      {},
      { question: 'x', stray: 1 },
      { question: 'x'.repeat(20_001) },
      { question: 'x', agent_type: null },
      { question: 'x', fork_session: null },
      { question: 'x', session_id: '..' },
      { question: 'x', job_id: 'nope' },
      { question: 'x', trace_id: 'a b' },
      { question: 'x', schedule_at: 5 },
    ];
    for (const body of bad) {
      assertError(await send(target.url, { method: 'POST', path: '/query', body }), 400, 'Invalid query request body');
    }
  });

  test('5. /query with a valid body and no credential is 401', async () => {
    const answer = await send(target.url, { method: 'POST', path: '/query', body: { question: 'x' } });
    assertError(answer, 401, 'Missing authorization token');
  });

  test('12. hints of /query that differ from the credential are 403, the user first', async () => {
    assertError(await caller.query({ user_id: 'x', tenant_id: 'x' }), 403, 'user_id mismatch');
    assertError(await caller.query({ tenant_id: 'x' }), 403, 'tenant_id mismatch');
  });

  test('15. a second user of the tenant may not ask in the session of the first', async () => {
    const session = freshId();
    const tenant = `t-${session}`;
    const first = await as({ tenant_id: tenant, user_id: 'first' }).query({ session_id: session });
    assert.deepEqual([first.status, first.json['ok'], first.json['session_id']], [200, true, session]);
    const second = as({ tenant_id: tenant, user_id: 'second' });
    assertError(await second.query({ session_id: session }), 403, 'Session user mismatch');
  });

  test('19. a job of another session named by /query is 403, an unknown one is only a mark', async () => {
    const jobId = await caller.submitJob({ session_id: freshId() });
    assertError(await caller.query({ session_id: freshId(), job_id: jobId }), 403, 'Job session mismatch');
    assertError(await caller.query({ job_id: jobId }), 403, 'Job session mismatch');
    assert.equal((await caller.query({ job_id: randomUUID(), trace_id: 'a:1' })).status, 200);
  });

  test('25. an unknown agent is 400 at /query', async () => {
    const answer = await caller.query({ agent_type: 'nobody' });
    assert.equal(answer.status, 400);
    assert.match(String(answer.json['error']), /^Unknown agent type: 'nobody'\. Available: .*echo/);
  });

  test('29. an agent error answers 200 with ok false and its text', async () => {
    const answer = await caller.query({ agent_type: 'shell', question: 'echo so far; exit 3' });
    const summary = answer.json['summary'] as Readonly<Record<string, unknown>>;
    assert.deepEqual([answer.status, answer.json['ok'], summary['is_error']], [200, false, true]);
    assert.equal(summary['text'], 'so far\n');
    const result = (answer.json['messages'] as readonly Readonly<Record<string, unknown>>[]).at(-1);
    assert.match(String(result?.['error']), /exit code 3/);
  });

  test('34. a busy session is 409 at /query; of several at once on an idle one exactly one runs', async () => {
    const session = freshId();
    const release = await occupy(session);
    assertError(await caller.query({ session_id: session }), 409, 'Session already executing');
    assert.equal(await countJobs(session), 1);
    await release();
    const fresh = freshId();
    const question = { session_id: fresh, agent_type: 'shell', question: 'sleep 0.5' };
    const statuses = (await Promise.all([1, 2, 3, 4].map(async () => await caller.query(question)))).map(
      ({ status }) => status,
    );
    assert.deepEqual(
      statuses.toSorted((one, other) => one - other),
      [200, 409, 409, 409],
    );
    assert.equal(await countJobs(fresh), 1);
  });

  test('34. a job that waits for its time does not keep a session busy', async () => {
    const session = freshId();
    const later = Math.floor(Date.now() / 1_000) + 3_600;
    await caller.submitJob({ session_id: session, schedule_at: later });
    assert.equal((await caller.query({ session_id: session })).status, 200);
  });

  test('if_busy lets a query wait for its turn, and refuses a submission', async () => {
    const session = freshId();
    const release = await occupy(session);
    const refused = await caller.submit({ agent_type: 'echo', session_id: session, if_busy: 'reject' });
    assertError(refused, 409, 'Session already executing');
    const waiting = caller.query({ session_id: session, if_busy: 'enqueue', question: 'in turn' });
    await release();
    const answer = await waiting;
    assert.deepEqual([answer.status, (answer.json['summary'] as { text: string }).text], [200, 'in turn']);
  });

  test('39. after the answer of a query the next one is not refused', async () => {
    const session = freshId();
    for (let round = 0; round < 10; round += 1) {
      const answer = await caller.query({ session_id: session, question: `round ${round}` });
      assert.equal(answer.status, 200, answer.text);
      assert.equal((answer.json['summary'] as { text: string }).text, `round ${round}`);
    }
  });

  test('52. Idempotency-Key at /query: the same answer again, once run; another body is 422', async () => {
    const session = freshId();
    const headers = { 'idempotency-key': freshId() };
    const answers = await Promise.all(
      [1, 2].map(async () => await caller.query({ session_id: session, if_busy: 'enqueue' }, headers)),
    );
    answers.push(await caller.query({ session_id: session, if_busy: 'enqueue' }, headers));
    assert.deepEqual(new Set(answers.map(({ text }) => text)).size, 1, answers.map(({ text }) => text).join('\n'));
    assert.equal(answers[2]?.headers['idempotency-replayed'], 'true');
    assert.equal(await countJobs(session), 1);
    const other = await caller.query({ session_id: session, question: 'another' }, headers);
    assertError(other, 422, 'Idempotency-Key was used with a different request body');
  });

  test('52. a query that was refused frees its key', async () => {
    const session = freshId();
    const headers = { 'idempotency-key': freshId() };
    const release = await occupy(session);
    assert.equal((await caller.query({ session_id: session }, headers)).status, 409);
    await release();
    const answer = await caller.query({ session_id: session }, headers);
    assert.deepEqual([answer.status, answer.headers['idempotency-replayed']], [200, undefined], answer.text);
  });

  test("53. an SDK's retry of a query gets the same answer, from one run", async () => {
    const session = freshId();
    const first = await caller.query({ session_id: session });
    const retry = await caller.query({ session_id: session }, { 'x-stainless-retry-count': '1' });
    assert.deepEqual([retry.text, retry.headers['idempotency-replayed']], [first.text, 'true']);
    assert.equal(await countJobs(session), 1);
  });
};
