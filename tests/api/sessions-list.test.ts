import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startApi } from '../support/api.ts';
import { assertError, Caller, mintToken } from '../wire/jobs/target.ts';

const api = await startApi();
const target = { url: api.url, signingSecret: api.signingSecret, apiKey: api.adminKey };
const as = (claims: Readonly<Record<string, unknown>>): Caller => new Caller(target, mintToken(target, claims));

type Listed = Readonly<Record<string, unknown>>;
const list = async (caller: Caller, query = ''): Promise<{ sessions: Listed[]; next: string | null }> => {
  const answer = await caller.get(`/sessions?${query}`);
  assert.equal(answer.status, 200, answer.text);
  return { sessions: answer.json['sessions'] as Listed[], next: answer.json['next_cursor'] as string | null };
};
const idsOf = (sessions: readonly Listed[]): unknown[] => sessions.map((session) => session['session_id']);

test('pages through the sessions of a tenant, newest first, with what they are doing', async () => {
  const caller = as({ tenant_id: 'paged' });
  for (const session of ['a', 'b', 'c']) await caller.ended(await caller.submitJob({ session_id: session }));
  await caller.ended(await caller.submitJob({ session_id: 'b', agent_type: 'shell', question: 'exit 3' }));
  const later = Math.floor(Date.now() / 1_000) + 3_600;
  await caller.submitJob({ session_id: 'a', schedule_at: later });
  const first = await list(caller, 'limit=2');
  const second = await list(caller, `limit=2&cursor=${first.next}`);
  assert.deepEqual([idsOf(first.sessions), idsOf(second.sessions), second.next], [['c', 'b'], ['a'], null]);
  const [b, a] = [first.sessions[1], second.sessions[0]];
  assert.deepEqual([b?.['status'], b?.['queued_jobs'], a?.['status'], a?.['queued_jobs']], ['error', 0, 'idle', 1]);
});

test('shows a user its own sessions and a scoped token the named ones', async () => {
  for (const [user, session] of [
    ['u', 'of-u'],
    ['u', 'of-u-too'],
    ['v', 'of-v'],
  ] as const) {
    await as({ tenant_id: 'owned', user_id: user }).submitJob({ session_id: session });
  }
  assert.deepEqual(idsOf((await list(as({ tenant_id: 'owned', user_id: 'u' }))).sessions), ['of-u-too', 'of-u']);
  assert.deepEqual(idsOf((await list(as({ tenant_id: 'owned' }))).sessions), ['of-v', 'of-u-too', 'of-u']);
  assert.deepEqual((await list(as({ tenant_id: 'another' }))).sessions, []);
});

test('refuses limits and cursors that are none', async () => {
  const caller = new Caller(target);
  assertError(
    await caller.get('/sessions?limit=0'),
    400,
    'Invalid value for limit: found "0", expected a whole number from 1 to 100.',
  );
  assert.equal((await caller.get('/sessions?cursor=x')).status, 400);
});
