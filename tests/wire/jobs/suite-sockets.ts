import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type TestContext, test } from 'node:test';
import { bearer, send, UPGRADE } from '../../support/api-client.ts';
import { type Frame, SocketClient } from '../../support/socket-client.ts';
import { assertError, assertText, assertValid, Caller, mintToken, type Target } from './target.ts';

/** Conformance checks 9, 10, 12, 13, 15, 33, 34, 37, 39, 40 and 42 to 47, as far as they are about WebSockets. */
export const defineSocketChecks = (target: Target): void => {
  const caller = new Caller(target);
  const token = (claims: Readonly<Record<string, unknown>>): string => mintToken(target, claims);
  const freshId = (): string => `ws-${randomUUID()}`;
  const openStream = async (t: TestContext, query = '', credential = target.apiKey): Promise<SocketClient> =>
    await open(t, `/query_stream${query}`, 'connection_ack', credential);
  const openBus = async (t: TestContext, query = '', credential = target.apiKey): Promise<SocketClient> =>
    await open(t, `/ws${query}`, 'presence_update', credential);
  /** Opens a socket and waits for the first frame of a type; holds every frame to its schema when the test has ended. */
  const open = async (t: TestContext, path: string, until: string, credential: string): Promise<SocketClient> => {
    const client = await SocketClient.open(target.url, path, credential);
    t.after(async () => {
      await client.close();
      const schema = path.startsWith('/query_stream') ? 'QueryStreamServerFrame' : 'EventBusServerFrame';
      for (const frame of client.frames) assertValid(schema, frame);
    });
    await client.next(until);
    return client;
  };
  const refuse = async (path: string, credential?: string) =>
    await send(target.url, { path, headers: { ...UPGRADE, ...(credential === undefined ? {} : bearer(credential)) } });

  test('9. a token in ?token= works on an upgrade, also when its + arrived as space', async () => {
    let text = '';
    while (!text.includes('+')) text = token({ tenant_id: 't', user_id: 'u', session_id: freshId() });
    const [payload = '', signature = ''] = text.split('.');
    const id = String(
      (JSON.parse(Buffer.from(payload, 'base64').toString('utf8')) as { session_id: string }).session_id,
    );
    const query = `session_id=${id}&token=${payload}.${signature}`;
    for (const path of ['/query_stream', '/ws', '/events'])
      assert.equal((await refuse(`${path}?${query.replaceAll('+', ' ').replaceAll(' ', '%20')}`)).status, 101);
  });

  test('10. an API key in ?token= works on an upgrade', async () => {
    for (const path of ['/query_stream', '/ws', '/events'])
      assert.equal((await refuse(`${path}?token=${target.apiKey}`)).status, 101);
  });

  test('12. hints of an upgrade that differ from the credential are 403, the user first', async () => {
    for (const path of ['/query_stream', '/ws', '/events']) {
      assertError(await refuse(`${path}?user_id=x&tenant_id=x`, target.apiKey), 403, 'user_id mismatch');
      assertError(await refuse(`${path}?tenant_id=x`, target.apiKey), 403, 'tenant_id mismatch');
      assertError(await refuse(`${path}?user_id=x`, token({ tenant_id: 't' })), 403, 'user_id mismatch');
    }
  });

  test('13. a session-bound token opens a socket for its own session alone', async (t) => {
    const [own, foreign] = [freshId(), freshId()];
    const bound = token({ tenant_id: 't', user_id: 'u', session_id: own });
    for (const path of ['/query_stream', '/ws', '/events']) {
      assertError(await refuse(path, bound), 403, 'Session not authorized');
      assertError(await refuse(`${path}?session_id=${foreign}`, bound), 403, 'Session not authorized');
    }
    assertError(await refuse(`/ws?session_ids=${foreign}`, bound), 403, 'Session not authorized');
    await openStream(t, `?session_id=${own}`, bound);
    const bus = await openBus(t, `?session_ids=${own},${foreign}`, bound);
    assert.deepEqual(bus.frames[0]?.data['session_ids'], [own]);
    bus.send({ type: 'subscribe_session', data: { session_id: foreign } });
    assert.deepEqual((await bus.next('presence_update')).data['session_ids'], [own]);
  });

  test('15. a second user of the tenant may not stream the session of the first', async () => {
    const [session, tenant] = [freshId(), freshId()];
    const first = new Caller(target, token({ tenant_id: tenant, user_id: 'first' }));
    await first.ended(await first.submitJob({ session_id: session }));
    const second = token({ tenant_id: tenant, user_id: 'second' });
    assertError(await refuse(`/query_stream?session_id=${session}`, second), 403, 'Session user mismatch');
  });

  test('33. job_submitted and every job_status arrive on the bus, but not for another user', async (t) => {
    const [session, tenant] = [freshId(), freshId()];
    const mine = token({ tenant_id: tenant, user_id: 'mine' });
    const bus = await openBus(t, `?session_ids=${session}`, mine);
    const other = await openBus(t, `?session_id=${session}`, token({ tenant_id: tenant, user_id: 'other' }));
    const whole = await openBus(t, `?session_id=${session}`, token({ tenant_id: tenant }));
    const owner = new Caller(target, mine);
    const jobId = await owner.submitJob({ session_id: session, question: 'watched' });
    for (const witness of [bus, whole]) {
      const submitted = await witness.next('job_submitted');
      assert.deepEqual(submitted.data, { job_id: jobId, status: 'queued', user_id: 'mine', tenant_id: tenant });
      const states: unknown[] = [];
      for (let state: unknown; state !== 'complete'; ) {
        const { data, session_id: id } = await witness.next('job_status');
        const payload = data['payload'] as Readonly<Record<string, unknown>>;
        state = data['status'];
        states.push(state);
        assert.deepEqual([id, payload['job_id'], payload['status']], [session, jobId, state]);
        assert.equal(payload['completed_at'] === null, state === 'running');
      }
      assert.deepEqual(states, ['running', 'complete']);
    }
    other.send({ type: 'ping' });
    await other.next('pong');
    assert.deepEqual(new Set(other.types), new Set(['connection_ack', 'presence_update', 'pong']));
  });

  test('33. a canceled job is told of on the bus', async (t) => {
    const session = freshId();
    const bus = await openBus(t, `?session_id=${session}`);
    const question = { session_id: session, agent_type: 'shell', question: 'sleep 60' };
    const running = await caller.submitJob(question);
    const waiting = await caller.submitJob({ session_id: session });
    await bus.next('job_status', ({ data }) => data['status'] === 'running');
    for (const jobId of [waiting, running]) {
      await caller.cancel(jobId);
      await bus.next('job_status', ({ data }) => data['job_id'] === jobId && data['status'] === 'canceled');
    }
    // Only the one that ran has a run that ends.
    const complete = await bus.next('query_complete');
    assert.equal((complete.data['summary'] as Record<string, unknown>)['subtype'], 'cancelled');
    await caller.ended(running);
    assert.equal(bus.types.filter((type) => type === 'query_complete').length, 1);
  });

  test('34. a busy session is a query_error to the asker only', async (t) => {
    const session = freshId();
    const asker = await openStream(t, `?session_id=${session}`);
    const witness = await openStream(t, `?session_id=${session}`);
    const bus = await openBus(t, `?session_id=${session}`);
    const jobId = await caller.submitJob({ session_id: session, agent_type: 'shell', question: 'sleep 60' });
    await asker.next('session_update');
    asker.send({ question: 'now', agent_type: 'echo' });
    assert.deepEqual((await asker.next('query_error')).data, { error: 'Session already executing' });
    await caller.cancel(jobId);
    await witness.next('query_complete');
    await bus.next('query_complete');
    assert.ok(!witness.types.includes('query_error') && !bus.types.includes('query_error'));
  });

  test('39. after query_complete the next query is never refused', async (t) => {
    const session = freshId();
    const socket = await openStream(t, `?session_id=${session}`);
    for (let round = 0; round < 20; round += 1) {
      socket.send({ question: `round ${round}`, agent_type: 'echo' });
      const complete = await socket.next('query_complete');
      assert.equal((complete.data['summary'] as Record<string, unknown>)['text'], `round ${round}`);
      if (round % 5 === 0) assert.equal((await caller.query({ session_id: session })).status, 200);
      if (round % 5 === 0) await socket.next('query_complete');
    }
    assert.ok(!socket.types.includes('query_error'));
  });

  test('40. a stop frame ends the run gracefully, and only its sender is answered', async (t) => {
    const session = freshId();
    const [asker, witness] = [
      await openStream(t, `?session_id=${session}`),
      await openStream(t, `?session_id=${session}`),
    ];
    asker.send({ type: 'stop' });
    assert.deepEqual((await asker.next('execution_state')).data, { event: 'stop', ok: true });
    asker.send({ question: '```sh\necho begun; sleep 1\n```\n```sh\necho never\n```', agent_type: 'shell' });
    await asker.next('execution_state', ({ data }) => data['event'] === 'step.started');
    asker.send({ type: 'stop' });
    for (const socket of [asker, witness]) {
      const { summary } = (await socket.next('query_complete')).data as { summary: Record<string, unknown> };
      assert.deepEqual([summary['subtype'], summary['is_error'], summary['text']], ['cancelled', false, 'begun\n']);
    }
    const stops = (client: SocketClient): number => client.frames.filter(({ data }) => data['event'] === 'stop').length;
    assert.deepEqual([stops(asker), stops(witness)], [2, 0]);
    asker.send({ question: 'the next one', agent_type: 'echo' });
    assert.equal((await asker.next('assistant_message')).data['content'], 'the next one');
  });

  test('37. a queued prompt is told of with its place, and runs in its turn', async (t) => {
    const session = freshId();
    const socket = await openStream(t, `?session_id=${session}`);
    const bus = await openBus(t, `?session_id=${session}`);
    const jobId = await caller.submitJob({ session_id: session, agent_type: 'shell', question: 'sleep 60' });
    await socket.next('query_start');
    const prompts: unknown[] = [];
    for (const question of ['first', 'second']) {
      const answer = await caller.post(`/session/${session}/queue`, { question, agent_type: 'echo' });
      prompts.push(answer.json['prompt_id']);
    }
    for (const [place, promptId] of prompts.entries()) {
      const data = { prompt_id: promptId, queue_length: place + 1 };
      assert.deepEqual((await socket.next('prompt_queued')).data, data);
      assert.deepEqual((await bus.next('prompt_queued')).data, data);
    }
    await caller.cancel(jobId);
    await socket.next('query_complete');
    for (const question of ['first', 'second']) {
      assert.equal((await socket.next('query_start')).data['question'], question);
      await socket.next('query_complete');
    }
  });

  test('42. a fork over a socket is followed on it, as a session of its own', async (t) => {
    const session = freshId();
    const socket = await openStream(t, `?session_id=${session}`);
    const witness = await openStream(t, `?session_id=${session}`);
    socket.send({ question: 'source', agent_type: 'echo' });
    await socket.next('query_complete');
    socket.send({ question: 'forked', agent_type: 'echo', fork_session: true });
    const start = await socket.next('query_start', ({ data }) => data['question'] === 'forked');
    const complete = await socket.next('query_complete');
    assert.notEqual(start.session_id, session);
    assert.equal(complete.session_id, start.session_id);
    await witness.settle();
    assert.ok(witness.frames.every(({ session_id: id }) => id === session));
    const said = await caller.get(`/session/${start.session_id}/messages`);
    assert.match(said.text, /source.*forked/);
  });

  test('43. the frames of a run come in order, and a failure is a query_error alone', async (t) => {
    const session = freshId();
    const socket = await openStream(t, `?session_id=${session}`);
    socket.send({ type: 'query', data: { question: ' hello ', agent_type: 'echo' } });
    await socket.next('query_complete');
    const names = socket.frames.map(({ type, data }) => (type === 'execution_state' ? String(data['event']) : type));
    assert.deepEqual(
      names.filter((name) => !name.startsWith('step.')),
      ['connection_ack', 'session_update', 'query_start', 'assistant_message', 'result', 'query_complete'],
    );
    const [, update, start] = socket.frames;
    assert.deepEqual(update?.data, { status: 'executing', current_prompt: 'hello' });
    assert.deepEqual(start?.data, { question: 'hello', agent_type: 'echo' });
    const before = socket.frames.length;
    socket.send({ question: 'echo partly; exit 3', agent_type: 'shell' });
    const failure = await socket.next('query_error');
    assert.match(String(failure.data['error']), /exit code 3/);
    await socket.settle();
    const types = socket.frames.slice(before).map(({ type }) => type);
    assert.ok(!types.includes('query_complete'));
    assert.equal(types.filter((type) => type === 'query_error').length, 1);
    assert.deepEqual(types.slice(0, 2), ['session_update', 'query_start']);
  });

  test('43. an unknown agent is a query_error to the asker', async (t) => {
    const socket = await openStream(t);
    socket.send({ question: 'x', agent_type: 'nobody' });
    assert.match(String((await socket.next('query_error')).data['error']), /^Unknown agent type: 'nobody'/);
  });

  test('44. a frame with a session beside its question starts nothing, and the socket stays open', async (t) => {
    const session = freshId();
    const socket = await openStream(t, `?session_id=${session}`);
    const bad: readonly (string | Buffer | Readonly<Record<string, unknown>>)[] = [
      { question: 'x', session_id: session },
      { question: 'x', user_id: 'u' },
      { type: 'query', question: 'x' },
      { type: 'query', data: { question: 'x', tenant_id: 't' } },
      { type: 'nothing' },
      { question: 'x'.repeat(20_001) },
      { question: 'x', agent_type: null },
      {},
      'text',
      '[]',
      'null',
      '',
      Buffer.from([0xff, 0xfe, 0x00]),
    ];
    for (const frame of bad) {
      socket.send(frame);
      const { data } = await socket.next('execution_state');
      assert.equal(data['event'], 'invalid_message');
      assert.ok(typeof data['error'] === 'string' && data['error'] !== '');
    }
    await socket.settle();
    assert.equal((await caller.get(`/session/${session}/messages`)).text, '{"ok":true,"messages":[]}');
    // Binary is read as UTF-8.
    socket.send(Buffer.from('{"question":"bytes","agent_type":"echo"}'));
    await socket.next('query_complete');
  });

  test('45. all sockets of a session get the events of an HTTP query', async (t) => {
    const session = freshId();
    const sockets = [await openStream(t, `?session_id=${session}`), await openStream(t, `?session_id=${session}`)];
    const answer = await caller.query({ session_id: session, question: 'for all' });
    for (const socket of sockets) {
      const complete = await socket.next('query_complete');
      assert.deepEqual(
        [complete.data['messages'], complete.data['summary']],
        [answer.json['messages'], answer.json['summary']],
      );
    }
    assert.deepEqual(withoutTimes(sockets[0]?.frames), withoutTimes(sockets[1]?.frames));
  });

  test('45. a session key leads two sockets and a submission to one session', async (t) => {
    const key = freshId();
    const sockets = [await openStream(t, `?session_key=${key}`), await openStream(t, `?session_key=${key}`)];
    await caller.submitJob({ session_key: key, question: 'by key' });
    for (const socket of sockets) await socket.next('assistant_message', ({ data }) => data['content'] === 'by key');
  });

  test('46. the checks of an upgrade come in their order', async () => {
    assertText(await send(target.url, { path: '/query_stream' }), 426, 'WebSocket upgrade required');
    assertError(await refuse('/query_stream'), 401, 'Missing authorization token');
    const longKey = await refuse(`/query_stream?session_key=${'k'.repeat(257)}`, target.apiKey);
    assert.equal(longKey.status, 400);
    assertError(await refuse('/query_stream?session_id=a%2Fb', target.apiKey), 400, 'Invalid session id');
    for (const path of ['/ws', '/events']) {
      assertError(await send(target.url, { path }), 401, 'Missing authorization token');
      assertText(await caller.get(path), 404, 'Not found');
      assertError(await refuse(path, token({})), 401, 'Missing user or tenant context');
      assertError(await send(target.url, { path, headers: bearer(token({})) }), 401, 'Missing user or tenant context');
      assertError(await refuse(`${path}?session_id=..`, target.apiKey), 400, 'Invalid session id');
    }
    const anyCase = { ...UPGRADE, upgrade: 'WebSocket', ...bearer(target.apiKey) };
    assert.equal((await send(target.url, { path: '/query_stream', headers: anyCase })).status, 101);
  });

  test('47. a subscription to a foreign session yields no event and no leak', async (t) => {
    const [session, tenant] = [freshId(), freshId()];
    const victim = token({ tenant_id: tenant, user_id: 'victim' });
    const owner = new Caller(target, victim);
    await owner.ended(await owner.submitJob({ session_id: session }));
    const bus = await openBus(t, `?session_id=${session}`, victim);
    const spies = [
      await openBus(t, `?session_ids=${session}`, token({ tenant_id: tenant, user_id: 'spy' })),
      await openBus(t, `?session_id=${session}`, token({ tenant_id: `${tenant}-x`, user_id: 'victim' })),
      await openBus(t, `?session_id=${session}`, token({ user_id: 'victim' })),
    ];
    for (const spy of spies) spy.send({ type: 'subscribe_session', data: { session_id: session } });
    const jobId = await owner.submitJob({ session_id: session, question: 'secret' });
    await bus.next('query_complete');
    await owner.ended(jobId);
    for (const spy of spies) {
      await spy.settle();
      assert.deepEqual(new Set(spy.types), new Set(['connection_ack', 'presence_update', 'pong']));
    }
    const [sameTenant] = spies;
    for (const { data } of sameTenant?.frames ?? [])
      assert.ok(!JSON.stringify(data).includes(session), JSON.stringify(data));
  });

  test('the bus says who is connected, who came and who left', async (t) => {
    const tenant = freshId();
    const first = await openBus(t, '', token({ tenant_id: tenant, user_id: 'ann' }));
    assert.deepEqual(first.frames[1]?.data, {
      users_online: ['ann'],
      connection_count: 1,
      session_ids: [],
      user_joined: 'ann',
    });
    const second = await SocketClient.open(target.url, '/events', token({ tenant_id: tenant, user_id: 'bob' }));
    const joined = await first.next('presence_update', ({ data }) => data['user_joined'] === 'bob');
    assert.deepEqual(joined.data, {
      users_online: ['ann', 'bob'],
      connection_count: 2,
      session_ids: [],
      user_joined: 'bob',
    });
    const session = freshId();
    first.send({ type: 'subscribe_session', data: { session_id: session } });
    assert.deepEqual((await first.next('presence_update')).data['session_ids'], [session]);
    first.send({ type: 'unsubscribe_session', data: { session_id: session } });
    assert.deepEqual((await first.next('presence_update')).data['session_ids'], []);
    await second.close();
    const left = await first.next('presence_update', ({ data }) => data['user_left'] === 'bob');
    assert.deepEqual(left.data, { users_online: ['ann'], connection_count: 1, session_ids: [], user_left: 'bob' });
    for (const frame of second.frames) assertValid('EventBusServerFrame', frame);
    assert.ok(second.frames.every(({ data }) => !JSON.stringify(data).includes(session)));
  });
};

const withoutTimes = (frames: readonly Frame[] = []): unknown => frames.map(({ type, data }) => [type, data]);
