import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { Caller, type Target } from './target.ts';

/** Conformance check 42: forks. */
export const defineForkChecks = (target: Target): void => {
  const caller = new Caller(target);
  const messagesOf = async (session: string): Promise<readonly unknown[]> => {
    const answer = await caller.get(`/session/${session}/messages`);
    assert.equal(answer.status, 200, answer.text);
    return (answer.json['messages'] as readonly Readonly<Record<string, unknown>>[]).map(({ role, content }) => ({
      role,
      content,
    }));
  };

  test('42. a fork has a new session id and the history; the messages of the source are unchanged', async () => {
    const session = `fork-${randomUUID()}`;
    assert.equal((await caller.query({ session_id: session, question: 'in the source' })).status, 200);
    const before = await messagesOf(session);
    const answer = await caller.query({ session_id: session, fork_session: true, question: 'in the fork' });
    assert.equal(answer.status, 200, answer.text);
    const forked = String(answer.json['session_id']);
    assert.notEqual(forked, session);
    assert.match(forked, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.deepEqual(await messagesOf(session), before);
    const copied = await messagesOf(forked);
    assert.deepEqual(copied.slice(0, before.length), before);
    assert.equal(copied.length, before.length * 2);
  });

  const skip = target.hasNoKey === true && 'needs an API key with the scope admin';
  test("42. a fork has the limits of its source's budget", { skip }, async () => {
    const session = `fork-${randomUUID()}`;
    assert.equal((await caller.query({ session_id: session })).status, 200);
    const limits = { max_requests: 17, max_cost_usd: 0.75 };
    const set = await caller.send({ method: 'PUT', path: `/budgets/session/${session}`, body: limits });
    assert.equal(set.status, 200, set.text);
    const answer = await caller.query({ session_id: session, fork_session: true });
    const copied = await caller.get(`/budgets/session/${String(answer.json['session_id'])}`);
    const budget = copied.json['budget'] as Readonly<Record<string, unknown>>;
    assert.deepEqual([budget['max_requests'], budget['max_cost_usd']], [17, 0.75]);
  });

  test('42. fork_session without a session has no effect', async () => {
    const answer = await caller.query({ fork_session: true });
    assert.equal(answer.status, 200, answer.text);
    assert.equal((await messagesOf(String(answer.json['session_id']))).length, 2);
  });
};
