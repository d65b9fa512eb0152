import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import { startApi } from '../support/api.ts';
import { eventually } from '../support/signals.ts';
import { assertError, Caller } from '../wire/jobs/target.ts';

type Job = Readonly<Record<string, unknown>>;

describe('work for a busy session', async () => {
  const api = await startApi();
  const caller = new Caller({ url: api.url, signingSecret: api.signingSecret, apiKey: api.adminKey });
  const start = async (session: string, question = 'echo begun; sleep 60'): Promise<string> => {
    const jobId = await caller.submitJob({ session_id: session, agent_type: 'shell', question });
    await eventually('a running job', async () => (await caller.job(jobId))['status'] === 'running');
    return jobId;
  };
  const hand = async (session: string, body: object, headers: Record<string, string> = {}): Promise<Job> => {
    const whole = { question: 'x', agent_type: 'echo', session_id: session, ...body };
    const answer = await caller.send({ method: 'POST', path: '/submit', body: whole, headers });
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  };
  const said = async (session: string): Promise<readonly string[]> => {
    const { json } = await caller.get(`/session/${session}/messages`);
    const messages = json['messages'] as readonly { readonly role: string; readonly content: [{ text: string }] }[];
    return messages.filter(({ role }) => role === 'user').map(({ content }) => content[0].text);
  };

  test('says that it started, or waits for its turn', async () => {
    const session = randomUUID();
    assert.equal((await hand(session, { if_busy: 'enqueue' }))['outcome'], 'started');
    const running = await start(session);
    const waiting = await hand(session, { if_busy: 'enqueue' });
    assert.deepEqual([waiting['if_busy'], waiting['outcome']], ['enqueue', 'queued']);
    await caller.cancel(running);
    assert.equal((await caller.ended(String(waiting['job_id'])))['status'], 'complete');
  });

  test('interrupts the run, whose output stays, and goes before what waited', async () => {
    const session = randomUUID();
    const running = await start(session);
    const before = await hand(session, { question: 'waited' });
    const urgent = await hand(session, { question: 'urgent', if_busy: 'interrupt' });
    assert.equal(urgent['outcome'], 'interrupted');
    const stopped = await caller.ended(running);
    assert.equal(stopped['status'], 'canceled');
    await caller.ended(String(before['job_id']));
    assert.deepEqual(await said(session), ['echo begun; sleep 60', 'urgent', 'waited']);
    const idle = await hand(session, { if_busy: 'interrupt' });
    assert.equal(idle['outcome'], 'started', 'nothing ran');
  });

  test('interrupts once for a request that is sent twice', async () => {
    const session = randomUUID();
    await start(session);
    const headers = { 'idempotency-key': randomUUID() };
    const urgent = { question: 'sleep 60', agent_type: 'shell', if_busy: 'interrupt' };
    const first = await hand(session, urgent, headers);
    await eventually('the urgent run', async () => (await caller.job(String(first['job_id'])))['status'] === 'running');
    assert.deepEqual(await hand(session, urgent, headers), first);
    assert.equal((await caller.job(String(first['job_id'])))['status'], 'running');
    await caller.cancel(String(first['job_id']));
  });

  test('joins the newest input that waits, and no run', async () => {
    const session = randomUUID();
    const running = await start(session);
    const first = await hand(session, { question: 'one', if_busy: 'merge' });
    assert.equal(first['outcome'], 'queued', 'nothing waited yet');
    const headers = { 'idempotency-key': randomUUID() };
    const second = await hand(session, { question: 'two', if_busy: 'merge' }, headers);
    assert.deepEqual([second['outcome'], second['job_id']], ['merged', first['job_id']]);
    assert.deepEqual(await hand(session, { question: 'two', if_busy: 'merge' }, headers), second);
    const other = await hand(session, { question: 'exit 0', agent_type: 'shell', if_busy: 'merge' });
    assert.equal(other['outcome'], 'queued', 'another agent');
    await caller.cancel(running);
    const job = await caller.ended(String(first['job_id']));
    assert.equal(job['question'], 'one\n\ntwo');
    await caller.ended(String(other['job_id']));
  });

  test('waits by itself when the joined input would be too long', async () => {
    const session = randomUUID();
    const running = await start(session);
    await hand(session, { question: 'x'.repeat(15_000) });
    const second = await hand(session, { question: 'y'.repeat(15_000), if_busy: 'merge' });
    assert.equal(second['outcome'], 'queued');
    await caller.cancel(running);
    await caller.ended(String(second['job_id']));
  });

  test('waits by itself when it brings a webhook, which tells of it alone', async () => {
    const session = randomUUID();
    const running = await start(session);
    await hand(session, { question: 'one' });
    const webhook = { url: 'http://127.0.0.1:1/' };
    const second = await hand(session, { question: 'two', if_busy: 'merge', webhook });
    assert.equal(second['outcome'], 'queued');
    await caller.cancel(running);
    await caller.ended(String(second['job_id']));
  });

  test('is dropped, and leaves nothing behind', async () => {
    const session = randomUUID();
    const running = await start(session);
    const dropped = await hand(session, { if_busy: 'drop' });
    assert.deepEqual([dropped['outcome'], dropped['job_id']], ['dropped', null]);
    const query = await caller.query({ session_id: session, if_busy: 'drop' });
    assert.deepEqual([query.status, query.json['messages'], query.headers['kazi-outcome']], [200, [], 'dropped']);
    await caller.cancel(running);
    await caller.ended(running);
    assert.equal((await hand(session, { if_busy: 'drop' }))['outcome'], 'started');
  });

  test('is not taken by a run without a model: it waits', async () => {
    const session = randomUUID();
    const running = await start(session);
    const steered = await hand(session, { question: 'hm', agent_type: undefined, if_busy: 'steer' });
    assert.equal(steered['outcome'], 'queued');
    await caller.cancel(running);
    assert.equal((await caller.ended(String(steered['job_id'])))['status'], 'complete');
  });

  test('follows the same rules in the prompt queue', async () => {
    const session = randomUUID();
    const path = `/session/${session}/queue`;
    const running = await start(session);
    const send = async (if_busy: string, question = 'x') =>
      await caller.post(path, { question, agent_type: 'echo', if_busy });
    assert.deepEqual((await send('reject')).json, { ok: false, queued: false, error: 'Session already executing' });
    assert.deepEqual((await send('drop')).json, {
      ok: true,
      queued: false,
      session_id: session,
      if_busy: 'drop',
      outcome: 'dropped',
    });
    const first = await send('merge', 'one');
    const merged = await send('merge', 'two');
    assert.deepEqual([first.json['outcome'], merged.json['outcome']], ['queued', 'merged']);
    assert.equal(merged.json['prompt_id'], first.json['prompt_id']);
    const urgent = await send('interrupt', 'urgent');
    assert.equal(urgent.json['outcome'], 'interrupted');
    assert.equal((await caller.ended(running))['status'], 'canceled');
    await caller.ended(String(first.json['prompt_id']));
    assert.deepEqual(await said(session), ['echo begun; sleep 60', 'urgent', 'one\n\ntwo']);
  });

  test('of an owner that is another is refused by every rule', async () => {
    const session = randomUUID();
    const as = (userId: string): Caller =>
      new Caller(
        { url: api.url, signingSecret: api.signingSecret, apiKey: '' },
        api.token({ tenantId: 'owners', userId }),
      );
    await as('first').submitJob({ session_id: session });
    for (const if_busy of ['interrupt', 'steer', 'merge', 'drop', 'reject', 'enqueue']) {
      const answer = await as('second').submit({ agent_type: 'echo', session_id: session, if_busy });
      assertError(answer, 403, 'Session user mismatch');
    }
  });
});

test('a prompt that has expired never runs and is not listed; the queue goes on behind it', async (t) => {
  const api = await startApi({ pollMs: 50, sessions: { promptKeepMs: 600 } }, t);
  const caller = new Caller({ url: api.url, signingSecret: api.signingSecret, apiKey: api.adminKey });
  const running = await caller.submitJob({ session_id: 's', agent_type: 'shell', question: 'sleep 60' });
  const prompt = await caller.post('/session/s/queue', { question: 'too late', agent_type: 'echo' });
  const expired = String(prompt.json['prompt_id']);
  const next = await caller.submitJob({ session_id: 's' });
  await eventually('the end of the prompt', async () => (await caller.job(expired))['status'] === 'canceled');
  assert.deepEqual((await caller.get('/session/s/queue')).json['prompts'], []);
  await caller.cancel(running);
  assert.equal((await caller.ended(next))['status'], 'complete');
  assert.equal((await caller.job(expired))['attempts'], 0);
});

test('an operator may switch stops off', async (t) => {
  const api = await startApi({ sessions: { canStop: false } }, t);
  const caller = new Caller({ url: api.url, signingSecret: api.signingSecret, apiKey: api.adminKey });
  const answer = await caller.post('/session/s/stop');
  assert.deepEqual([answer.status, answer.json['ok'], answer.json['status']], [200, false, 'disabled']);
});
