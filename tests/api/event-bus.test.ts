import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import { Presence } from '../../src/realtime/presence.ts';
import type { Runtime } from '../../src/runtimes/runtime.ts';
import { startApi, type TestApi } from '../support/api.ts';
import { bearer, send } from '../support/api-client.ts';
import { ask, WAITING } from '../support/asking-runtime.ts';
import { chattyRuntime } from '../support/chatty-runtime.ts';
import { ADMIN } from '../support/node.ts';
import { type Frame, SocketClient } from '../support/socket-client.ts';
import { assertValid } from '../wire/jobs/target.ts';

const openBus = async (api: TestApi, query: string, credential = api.adminKey): Promise<SocketClient> => {
  const client = await SocketClient.open(api.url, `/ws?${query}`, credential);
  await client.next('presence_update');
  return client;
};
const submit = async (api: TestApi, session: string, question = 'x', credential = api.adminKey): Promise<string> => {
  const body = { question, agent_type: 'echo', session_id: session };
  const answer = await send(api.url, { method: 'POST', path: '/submit', headers: bearer(credential), body });
  assert.equal(answer.status, 200, answer.text);
  return String(answer.json['job_id']);
};
const closeAll = async (...clients: readonly SocketClient[]): Promise<void> => {
  await Promise.all(clients.map(async (client) => await client.close()));
};
/** Waits for somebody who never comes. */
const parkingRuntime: Runtime = {
  name: 'echo',
  run: async (context) => {
    await ask(context);
    return WAITING;
  },
};
const ofLog = (client: SocketClient): readonly Frame[] =>
  client.frames.filter(({ type }) => !['connection_ack', 'presence_update'].includes(type));

describe('two nodes', () => {
  test('tell the same of a session, whichever runs its jobs', async (t) => {
    const runner = await startApi({}, t);
    const other = await startApi({ runsJobs: false, databaseUrl: runner.databaseUrl }, t);
    const session = randomUUID();
    const near = await openBus(runner, `session_id=${session}`);
    const far = await openBus(other, `session_id=${session}`);
    const stream = await SocketClient.open(other.url, `/query_stream?session_id=${session}`, other.adminKey);
    stream.send({ question: 'across', agent_type: 'echo' });
    const isComplete = ({ data }: Frame): boolean => data['status'] === 'complete';
    await Promise.all([near.next('job_status', isComplete), far.next('job_status', isComplete)]);
    assert.deepEqual(ofLog(near), ofLog(far));
    await stream.next('query_complete');
    await closeAll(near, far, stream);
  });

  test('know of each other’s connections, and of those that a node takes with it', async (t) => {
    const near = await startApi({ runsJobs: false }, t);
    const far = await startApi({ runsJobs: false, databaseUrl: near.databaseUrl }, t);
    const [session, tenant] = [randomUUID(), randomUUID()];
    const as = (userId: string): string => near.token({ tenantId: tenant, userId });
    const ann = await openBus(near, `session_id=${session}`, as('ann'));
    const bob = await openBus(far, '', as('bob'));
    const joined = await ann.next('presence_update', ({ data }) => data['user_joined'] === 'bob');
    assert.deepEqual([joined.data['users_online'], joined.data['connection_count']], [['ann', 'bob'], 2]);
    // It does not exist yet, so only its subscriber knows its name.
    assert.deepEqual(bob.frames.at(-1)?.data['session_ids'], []);
    await submit(near, session, 'x', near.token({ tenantId: tenant }));
    const tenantWide = await openBus(far, '', near.token({ tenantId: tenant }));
    assert.deepEqual(tenantWide.frames.at(-1)?.data['session_ids'], [session]);
    far.drain();
    const left = await ann.next('presence_update', ({ data }) => data['user_left'] === 'bob');
    assert.deepEqual([left.data['users_online'], left.data['connection_count']], [['ann'], 1]);
    await closeAll(ann);
  });

  test('forget the connections of a node that died', async (t) => {
    const presenceMs = 60;
    const api = await startApi({ runsJobs: false, realtime: { presenceMs } }, t);
    const tenant = randomUUID();
    const ann = await openBus(api, '', api.token({ tenantId: tenant, userId: 'ann' }));
    // Never started, so it does not renew what it wrote.
    const dead = new Presence({ ...api.context, renewMs: presenceMs });
    const principal = { ...ADMIN, tenantId: tenant, userId: 'ghost' };
    await dead.join(JSON.stringify([tenant]), { principal, sessions: new Set(), onChange: () => undefined });
    await ann.next('presence_update', ({ data }) => data['user_joined'] === 'ghost');
    await ann.next('presence_update', ({ data }) => data['user_left'] === 'ghost');
    await dead.stop();
    await closeAll(ann);
  });

  test('pass a refusal for a budget on to the bus of both', async (t) => {
    const near = await startApi({ runsJobs: false }, t);
    const far = await startApi({ runsJobs: false, databaseUrl: near.databaseUrl }, t);
    const headers = bearer(near.adminKey);
    const session = randomUUID();
    await send(near.url, { method: 'PUT', path: `/budgets/session/${session}`, headers, body: { max_requests: 0 } });
    const watchers = [await openBus(near, `session_id=${session}`), await openBus(far, `session_id=${session}`)];
    const stranger = await openBus(
      far,
      `session_id=${session}`,
      far.token({ tenantId: 'default', userId: 'stranger' }),
    );
    const witness = await SocketClient.open(far.url, `/query_stream?session_id=${session}`, far.adminKey);
    const asker = await SocketClient.open(near.url, `/query_stream?session_id=${session}`, near.adminKey);
    asker.send({ question: 'x', agent_type: 'default' });
    const refusal = await asker.next('query_error');
    assertValid('QueryErrorFrame', refusal);
    assert.equal(refusal.data['code'], 'request_budget_exceeded');
    for (const watcher of watchers) assert.deepEqual((await watcher.next('query_error')).data, refusal.data);
    for (const client of [witness, stranger]) {
      await client.settle();
      assert.ok(!client.types.includes('query_error'));
    }
    await closeAll(...watchers, stranger, witness, asker);
  });
});

describe('the event bus', () => {
  test('closes a client that says nothing, and leaves streams alone', async (t) => {
    const api = await startApi({ runsJobs: false, sockets: { idleMs: 1_500, idleCheckMs: 20 } }, t);
    const stream = await SocketClient.open(api.url, '/query_stream', api.adminKey);
    const talker = await SocketClient.open(api.url, '/ws', api.adminKey);
    const talk = setInterval(() => talker.send({ type: 'ping' }), 10);
    t.after(() => clearInterval(talk));
    const silent = await SocketClient.open(api.url, '/events', api.adminKey);
    assert.deepEqual(await silent.closed, [1_000, 'Connection timeout']);
    await Promise.all([stream.settle(), talker.settle()]);
    clearInterval(talk);
    await closeAll(stream, talker);
  });

  test('follows a session from its first job on, also one that another route or node makes', async (t) => {
    const api = await startApi({}, t);
    const other = await startApi({ runsJobs: false, databaseUrl: api.databaseUrl }, t);
    const sessions = [randomUUID(), randomUUID()];
    const bus = await openBus(other, `session_ids=${sessions[0]}`);
    bus.send({ type: 'subscribe_session', data: { session_id: String(sessions[1]) } });
    await bus.next('presence_update');
    for (const session of sessions) {
      const jobId = await submit(api, session);
      assert.equal((await bus.next('job_submitted')).data['job_id'], jobId);
    }
    bus.send({ type: 'unsubscribe_session', data: { session_id: String(sessions[0]) } });
    await bus.next('presence_update');
    await bus.settle();
    const before = bus.frames.length;
    await submit(api, String(sessions[0]));
    await submit(api, String(sessions[1]));
    await bus.next('job_submitted');
    assert.ok(bus.frames.slice(before).every(({ session_id: id }) => id === sessions[1]));
    await closeAll(bus);
  });

  test('goes on after the cursors of several sessions', async (t) => {
    const api = await startApi({ runtimes: [chattyRuntime()] }, t);
    const ids = ['a:b', 'c.d'];
    const query = `session_ids=${ids.join(',')}`;
    const whole = await openBus(api, `${query}&after=`);
    for (const id of ids) await submit(api, id, '10');
    for (const _id of ids) await whole.next('job_status', ({ data }) => data['status'] === 'complete');
    const logs = ids.map((id) => ofLog(whole).filter(({ session_id: name }) => name === id));
    for (let at = 0; at < Math.min(...logs.map(({ length }) => length)) - 1; at += 1) {
      const after = logs.map((log, place) => `${ids[place]}:${log[at]?.cursor}`).join(',');
      const path = `/ws?${query}&after=${encodeURIComponent(after)}`;
      const back = await SocketClient.open(api.url, path, api.adminKey);
      for (const _id of ids) await back.next('job_status', ({ data }) => data['status'] === 'complete');
      for (const [place, id] of ids.entries()) {
        const rest = ofLog(back).filter(({ session_id: name }) => name === id);
        assert.deepEqual(rest, logs[place]?.slice(at + 1));
      }
      await closeAll(back);
    }
    await closeAll(whole);
  });

  test('tells each change of a job’s status, also back into the queue, with the record of that moment', async (t) => {
    const api = await startApi({ runtimes: [parkingRuntime] }, t);
    const session = randomUUID();
    const bus = await openBus(api, `session_id=${session}`);
    const jobId = await submit(api, session);
    await bus.next('job_status', ({ data }) => data['status'] === 'queued');
    const path = `/jobs/${jobId}`;
    await send(api.url, { method: 'DELETE', path, headers: bearer(api.adminKey) });
    await bus.next('job_status', ({ data }) => data['status'] === 'canceled');
    const seen = bus.frames.filter(({ type }) => type === 'job_status').map(({ data }) => data);
    assert.deepEqual(
      seen.map(({ status }) => status),
      ['running', 'queued', 'canceled'],
    );
    for (const { status, payload } of seen) {
      assertValid('JobStatusResponse', payload);
      assert.equal((payload as Record<string, unknown>)['status'], status);
    }
    await closeAll(bus);
  });
});
