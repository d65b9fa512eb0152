import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { type Answer, send } from '../../support/api-client.ts';
import { assertError, assertText, assertValid, Caller, mintToken, type Target } from './target.ts';

type State = Readonly<Record<string, unknown>>;
interface Said {
  readonly role: string;
  readonly content: readonly Readonly<Record<string, unknown>>[];
  readonly created_at: number;
}

/** Conformance checks 14 to 18 and 38: what sessions do, what was said in them, and who may read that. */
export const defineSessionChecks = (target: Target): void => {
  const caller = new Caller(target);
  const as = (claims: Readonly<Record<string, unknown>>): Caller => new Caller(target, mintToken(target, claims));
  const stateOf = (answer: Answer): State => {
    assertValid('SessionStateResponse', answer.json);
    return answer.json['state'] as State;
  };
  const messagesOf = (answer: Answer): readonly Said[] => {
    assertValid('SessionMessages', answer.json);
    return answer.json['messages'] as readonly Said[];
  };
  const freshId = (): string => `s-${randomUUID()}`;

  test('14. the same session id in two tenants is two sessions with two histories', async () => {
    const session = freshId();
    const one = as({ tenant_id: `a-${session}`, user_id: 'u' });
    const other = as({ tenant_id: `b-${session}`, user_id: 'u' });
    for (const [each, question] of [
      [one, 'to the one'],
      [other, 'to the other'],
    ] as const) {
      await each.ended(await each.submitJob({ session_id: session, question }));
      const said = messagesOf(await each.get(`/session/${session}/messages`));
      assert.deepEqual(
        said.map(({ content }) => content[0]?.['text']),
        [question, question],
      );
    }
  });

  test("15. a second user of the tenant is refused a user's session", async () => {
    const session = freshId();
    const tenant = `t-${session}`;
    const owner = as({ tenant_id: tenant, user_id: 'owner' });
    await owner.ended(await owner.submitJob({ session_id: session }));
    const second = as({ tenant_id: tenant, user_id: 'second' });
    for (const path of ['state', 'messages']) {
      assertError(await second.get(`/session/${session}/${path}`), 403, 'Session user mismatch');
      assert.equal((await as({ tenant_id: tenant }).get(`/session/${session}/${path}`)).status, 200);
    }
    const scoped = as({ tenant_id: tenant, user_id: 'owner', session_ids: ['another'] });
    assertError(await scoped.get(`/session/${session}/state`), 403, 'Session not authorized');
  });

  test('16. a session made without a user is 502 to a reader with one', async () => {
    const session = freshId();
    const tenant = `t-${session}`;
    const userless = as({ tenant_id: tenant });
    await userless.ended(await userless.submitJob({ session_id: session }));
    assertError(
      await as({ tenant_id: tenant, user_id: 'u' }).get(`/session/${session}/state`),
      502,
      'Session record missing user_id for ownership enforcement',
    );
  });

  test('17. the path cases of /session', async () => {
    for (const id of ['a%2Fb', '%2e%2e', '%zz', 'x'.repeat(129), '%00']) {
      for (const path of ['state', 'messages']) {
        assertError(await caller.get(`/session/${id}/${path}`), 400, 'Invalid session id');
        assert.equal((await send(target.url, { path: `/session/${id}/${path}` })).status, 401);
      }
    }
    assertText(await send(target.url, { path: '/session/' }), 400, 'Invalid session path');
    for (const path of ['/session/x', '/session/x/', '/session/x/query', '/session/x/state/']) {
      assertText(await send(target.url, { path }), 404, 'Not found');
    }
    assertText(await send(target.url, { method: 'POST', path: '/session/x/state' }), 405, 'Method not allowed');
    assertText(await send(target.url, { method: 'DELETE', path: '/session/x/messages' }), 405, 'Method not allowed');
    assert.equal(stateOf(await caller.get('/session/a%40b%3Ac/state'))['session_id'], 'a@b:c');
  });

  test('18. an unknown session has the empty form, and its reader does not become its owner', async () => {
    const session = freshId();
    const reader = as({ tenant_id: 'readers', user_id: 'reader' });
    const before = Date.now();
    const state = stateOf(await reader.get(`/session/${session}/state`));
    assert.deepEqual(Object.keys(state).toSorted(), ['created_at', 'last_active_at', 'session_id', 'status']);
    assert.equal(state['status'], 'idle');
    assert.ok(Math.abs(Number(state['created_at']) - before) < 60_000);
    assert.deepEqual(messagesOf(await reader.get(`/session/${session}/messages`)), []);
    const owner = as({ tenant_id: 'readers', user_id: 'owner' });
    await owner.ended(await owner.submitJob({ session_id: session }));
    assert.equal(stateOf(await owner.get(`/session/${session}/state`))['user_id'], 'owner');
  });

  test('38. after a run the session holds the user prompt and the answer, ascending, in milliseconds', async () => {
    const session = freshId();
    const before = Date.now() - 60_000;
    for (const question of ['first', 'second']) {
      await caller.ended(await caller.submitJob({ session_id: session, session_key: `key of ${session}`, question }));
    }
    const said = messagesOf(await caller.get(`/session/${session}/messages`));
    assert.deepEqual(
      said.map(({ role, content }) => `${role}: ${String(content[0]?.['text'])}`),
      ['user: first', 'assistant: first', 'user: second', 'assistant: second'],
    );
    const times = said.map(({ created_at: createdAt }) => createdAt);
    assert.deepEqual(
      times,
      times.toSorted((one, other) => one - other),
    );
    assert.ok(Number(times[0]) > before);
    const state = stateOf(await caller.get(`/session/${session}/state`));
    assert.deepEqual([state['status'], state['session_key']], ['idle', `key of ${session}`]);
    assert.ok(Number(state['last_active_at']) >= Number(times.at(-1)));
  });

  test('a session shows the error of its last run until the next one', async () => {
    const session = freshId();
    const question = 'echo begun; exit 3';
    await caller.ended(await caller.submitJob({ session_id: session, question, agent_type: 'shell' }));
    assert.equal(stateOf(await caller.get(`/session/${session}/state`))['status'], 'error');
    await caller.ended(await caller.submitJob({ session_id: session }));
    assert.equal(stateOf(await caller.get(`/session/${session}/state`))['status'], 'idle');
  });
};
