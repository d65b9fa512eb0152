import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import type { Answer } from '../../support/api-client.ts';
import { eventually } from '../../support/signals.ts';
import { assertError, assertText, assertValid, Caller, mintToken, type Target } from './target.ts';

/** Conformance checks 15, 17, 35, 36 and 37, and what kazi adds to the prompt queue. */
export const defineQueueChecks = (target: Target): void => {
  const caller = new Caller(target);
  const freshPath = (): { readonly session: string; readonly path: string } => {
    const session = `p-${randomUUID()}`;
    return { session, path: `/session/${session}/queue` };
  };
  const add = async (path: string, body: object = {}, headers: Record<string, string> = {}): Promise<Answer> => {
    const answer = await caller.post(path, { question: 'hi', agent_type: 'echo', ...body }, headers);
    if (answer.status === 200 && !('if_busy' in answer.json)) assertValid('PromptQueueAddResponse', answer.json);
    return answer;
  };
  const addPrompt = async (path: string, question: string): Promise<string> => {
    const answer = await add(path, { question });
    assert.deepEqual([answer.status, answer.json['queued']], [200, true], answer.text);
    return String(answer.json['prompt_id']);
  };
  const list = async (path: string): Promise<readonly string[]> => {
    const answer = await caller.get(path);
    assertValid('PromptQueue', answer.json);
    const prompts = answer.json['prompts'] as readonly { readonly question: string; readonly position: number }[];
    assert.equal(answer.json['queue_size'], prompts.length);
    assert.deepEqual(
      prompts.map(({ position }) => position),
      prompts.map((_, index) => index + 1),
    );
    return prompts.map(({ question }) => question);
  };
  /** Keeps a session busy until the returned function is called. */
  const occupy = async (session: string): Promise<() => Promise<unknown>> => {
    const jobId = await caller.submitJob({ session_id: session, agent_type: 'shell', question: 'sleep 60' });
    return async () => {
      await caller.cancel(jobId);
      return await caller.ended(jobId);
    };
  };
  const answersOf = async (session: string): Promise<readonly string[]> => {
    const { json } = await caller.get(`/session/${session}/messages`);
    const messages = json['messages'] as readonly { readonly role: string; readonly content: [{ text: string }] }[];
    return messages.filter(({ role }) => role === 'assistant').map(({ content }) => content[0].text);
  };

  test('15. the queue of a session is closed to a second user of the tenant', async () => {
    const { session, path } = freshPath();
    const as = (user: string): Caller =>
      new Caller(target, mintToken(target, { tenant_id: `t-${session}`, user_id: user }));
    assert.equal((await as('first').post(path, { question: 'x', agent_type: 'echo' })).status, 200);
    for (const answer of [
      await as('second').get(path),
      await as('second').post(path, { question: 'x' }),
      // The session is judged before the body.
      await as('second').post(path, '{'),
      await as('second').send({ method: 'DELETE', path }),
      await as('second').send({ method: 'DELETE', path: `${path}/${randomUUID()}` }),
    ]) {
      assertError(answer, 403, 'Session user mismatch');
    }
  });

  test('17. the path and method cases of the queue', async () => {
    const { path } = freshPath();
    assertText(await caller.send({ method: 'PUT', path }), 405, 'Method not allowed');
    assertText(await caller.send({ method: 'GET', path: `${path}/x` }), 405, 'Method not allowed');
    assertText(await caller.send({ method: 'DELETE', path: `${path}/a/b` }), 404, 'Not found');
    assertError(await caller.get('/session/a%2Fb/queue'), 400, 'Invalid session id');
  });

  test('18. the queue of an unknown session is empty', async () => {
    const { path } = freshPath();
    const answer = await caller.get(path);
    assertValid('PromptQueue', answer.json);
    assert.deepEqual([answer.json['is_executing'], answer.json['prompts']], [false, []]);
  });

  test('35. a queued prompt runs after a query, after a job, and at once when the session is idle', async () => {
    const { session, path } = freshPath();
    const idle = await addPrompt(path, 'at once');
    assert.equal((await caller.ended(idle))['status'], 'complete');
    const query = caller.query({ session_id: session, agent_type: 'shell', question: 'sleep 0.5; echo query' });
    await eventually('a running query', async () => (await caller.get(path)).json['is_executing'] === true);
    const afterQuery = await addPrompt(path, 'after the query');
    assert.equal((await query).status, 200);
    await caller.ended(afterQuery);
    const release = await occupy(session);
    const first = await addPrompt(path, 'after the job');
    const second = await addPrompt(path, 'and then');
    assert.deepEqual(await list(path), ['after the job', 'and then']);
    await release();
    await caller.ended(first);
    await caller.ended(second);
    assert.deepEqual(await answersOf(session), ['at once', 'query\n', 'after the query', 'after the job', 'and then']);
    assert.deepEqual(await list(path), []);
  });

  test('36. a failing prompt does not stop the next one', async () => {
    const { session, path } = freshPath();
    const release = await occupy(session);
    const failing = await add(path, { agent_type: 'shell', question: 'exit 3' });
    const next = await addPrompt(path, 'still here');
    await release();
    assert.equal((await caller.ended(String(failing.json['prompt_id'])))['status'], 'failed');
    assert.equal((await caller.ended(next))['status'], 'complete');
  });

  test('37. the eleventh prompt is 429, an unknown prompt 404, with the exact bodies', async () => {
    const { session, path } = freshPath();
    const release = await occupy(session);
    for (let count = 1; count <= 10; count += 1) assert.equal((await add(path)).json['queue_size'], count);
    const full = { queue_size: 10, max_queue_size: 10 };
    const refused = { ok: false, queued: false, session_id: session, error: 'Queue limit reached (10)', ...full };
    const eleventh = await add(path);
    assert.deepEqual([eleventh.status, eleventh.json], [429, refused]);
    assertValid('QueueAddErrorResponse', eleventh.json);
    const promptId = randomUUID();
    const unknown = await caller.send({ method: 'DELETE', path: `${path}/${promptId}` });
    const error = 'Prompt not found in queue';
    assert.deepEqual(
      [unknown.status, unknown.json],
      [404, { ok: false, removed: false, session_id: session, prompt_id: promptId, error }],
    );
    assert.equal((await caller.send({ method: 'DELETE', path: `${path}/no-uuid` })).status, 404);
    const cleared = await caller.send({ method: 'DELETE', path });
    assertValid('PromptQueueClearResponse', cleared.json);
    assert.deepEqual([cleared.json['cleared_count'], cleared.json['message']], [10, 'Cleared 10 queued prompt(s)']);
    const again = await caller.send({ method: 'DELETE', path });
    assert.deepEqual([again.json['cleared_count'], again.json['message']], [0, 'Queue was already empty']);
    await release();
  });

  test('a body that is no prompt is 400 with queued false', async () => {
    const { path } = freshPath();
    const broken = await caller.post(path, '{');
    assert.deepEqual(broken.json, { ok: false, queued: false, error: 'Invalid JSON request body' });
    const bodies: readonly Readonly<Record<string, unknown>>[] = [
      {},
      { question: 'x', user_id: 'u' },
      { question: 'x', agent_type: null },
    ];
    for (const body of bodies) {
      const answer = await caller.post(path, body);
      assert.deepEqual(answer.json, { ok: false, queued: false, error: 'Invalid queue prompt body' });
    }
  });

  test('a removed prompt never runs, a promoted one is next', async () => {
    const { session, path } = freshPath();
    const release = await occupy(session);
    const first = await addPrompt(path, 'first');
    const removed = await addPrompt(path, 'removed');
    const promoted = await addPrompt(path, 'promoted');
    const gone = await caller.send({ method: 'DELETE', path: `${path}/${removed}` });
    assertValid('PromptQueueRemoveResponse', gone.json);
    const change = { method: 'PATCH', path: `${path}/${promoted}` } as const;
    assert.equal((await caller.send({ ...change, body: { position: 2 } })).status, 400);
    assert.equal((await caller.send({ ...change, body: { position: 1 } })).status, 200);
    assert.deepEqual(await list(path), ['promoted', 'first']);
    await release();
    await caller.ended(first);
    assert.equal((await caller.job(removed))['status'], 'canceled');
    assert.deepEqual(await answersOf(session), ['promoted', 'first']);
  });

  test('52. Idempotency-Key: the same prompt once, with its answer again', async () => {
    const { session, path } = freshPath();
    const release = await occupy(session);
    const headers = { 'idempotency-key': randomUUID() };
    const [one, other] = await Promise.all([add(path, {}, headers), add(path, {}, headers)]);
    assert.deepEqual(other.json, one.json);
    assert.equal((await list(path)).length, 1);
    assert.equal((await add(path, { question: 'another' }, headers)).status, 422);
    await release();
  });
};
