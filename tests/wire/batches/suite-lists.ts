import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../../support/signals.ts';
import { mintToken } from '../jobs/target.ts';
import { assertDetail, Caller, ECHO, SHELL, type Target, UNKNOWN_AGENT, UNKNOWN_UUID } from './target.ts';

type Fields = Readonly<Record<string, unknown>>;

const idsOf = (entries: readonly Fields[]): unknown[] => entries.map(({ id }) => id);
const AGENT_KEYS =
  'id name agent_type model llm_config system description tags metadata timezone blocks memory tools sources tool_rules identities message_ids embedding created_at updated_at created_by_id last_updated_by_id last_run_completion last_run_duration_ms last_stop_reason';
const MESSAGE_KEYS =
  'id role agent_id batch_item_id run_id created_at updated_at created_by_id last_updated_by_id content tool_calls tool_call_id name tool_returns model otid sender_id group_id is_err step_id conversation_id approval_request_id approve denial_reason approvals';
const sorted = (keys: string): string[] => keys.split(' ').toSorted();

/** Conformance checks 28 to 33, 40, 41, 43, 44: what lists show. */
export const defineListChecks = (target: Target): void => {
  /** A tenant of its own, so that nobody else's records are in its lists. */
  const owner = (name: string) => new Caller(target, mintToken(target, { tenant_id: name, user_id: 'u' }));
  const BATCHES = '/v1/messages/batches';
  const makeBatches = async (caller: Caller, count: number): Promise<readonly string[]> => {
    const agent = await caller.agent();
    const ids: string[] = [];
    for (let number = 0; number < count; number += 1) ids.push(await caller.batch([[agent, `number ${number}`]]));
    return ids;
  };

  test('28. the list shows running, completed, failed and cancelled batches, and only those of the caller', async () => {
    const caller = owner('lists-28');
    const [one = '', two = '', three = ''] = await caller.agents(3, SHELL);
    const completed = await caller.batch([[one, 'true']]);
    const failed = await caller.batch([[one, 'false']]);
    const running = await caller.batch([[two, 'sleep 60']]);
    const cancelled = await caller.batch([[three, 'sleep 60']]);
    await caller.cancel(cancelled);
    await caller.ended(failed);
    const shown = (await caller.list(BATCHES)).map(({ id, status }) => [id, status]);
    assert.deepEqual(shown, [
      [cancelled, 'cancelled'],
      [running, 'running'],
      [failed, 'failed'],
      [completed, 'completed'],
    ]);
    const colleague = new Caller(target, mintToken(target, { tenant_id: 'lists-28', user_id: 'v' }));
    assert.deepEqual(await colleague.list(BATCHES), []);
    assertDetail(await colleague.get(`${BATCHES}/${running}`), 404, `Job not found with id='${running}'`);
    const whole = new Caller(target, mintToken(target, { tenant_id: 'lists-28' }));
    assert.equal((await whole.list(BATCHES)).length, 4);
    const bound = new Caller(target, mintToken(target, { tenant_id: 'lists-28', session_ids: [two] }));
    assert.deepEqual(idsOf(await bound.list(BATCHES)), [running]);
    await caller.cancel(running);
  });

  test('30. before pages backwards, both cursors give the window, an unknown one is 400', async () => {
    const caller = owner('lists-30');
    const made = await makeBatches(caller, 5);
    const [a = '', b = '', c = '', d = '', e = ''] = made;
    const list = async (query: string) => idsOf(await caller.list(`${BATCHES}?${query}`));
    assert.deepEqual(await list('order=asc&limit=2'), [a, b]);
    assert.deepEqual(await list(`order=asc&limit=2&after=${b}`), [c, d]);
    assert.deepEqual(await list(`limit=2&after=${d}`), [c, b]);
    assert.deepEqual(await list(`order=asc&limit=2&before=${e}`), [c, d]);
    assert.deepEqual(await list(`limit=2&before=${b}`), [d, c]);
    assert.deepEqual(await list(`order=asc&after=${a}&before=${d}`), [b, c]);
    assert.deepEqual(await list(`after=${e}&before=${b}`), [d, c]);
    assert.deepEqual(await list(`order=asc&after=${e}`), []);
    assertDetail(
      await caller.get(`${BATCHES}?order=asc&after=${d}&before=${b}`),
      400,
      "'before' reference must be later than 'after' reference",
    );
    for (const cursor of [`job-${UNKNOWN_UUID}`, 'nope'])
      assertDetail(await caller.get(`${BATCHES}?after=${cursor}`), 400, `Job with id ${cursor} not found`);
    assertDetail(
      await caller.get(`/v1/runs?after=run-${UNKNOWN_UUID}`),
      400,
      `Run with id run-${UNKNOWN_UUID} not found`,
    );
    assertDetail(
      await caller.get(`/v1/agents?before=${UNKNOWN_AGENT}`),
      400,
      `Agent with id ${UNKNOWN_AGENT} not found`,
    );
    const message = `message-${UNKNOWN_UUID}`;
    assertDetail(
      await caller.get(`${BATCHES}/${a}/messages?after=${message}`),
      400,
      `Message with id ${message} not found`,
    );
  });

  test('31. limits of batches have a ceiling, negative ones and other orders are 422', async () => {
    const caller = owner('lists-31');
    await makeBatches(caller, 2);
    for (const limit of ['0', '5000']) assert.equal((await caller.list(`${BATCHES}?limit=${limit}`)).length, 2);
    for (const query of ['limit=-1', 'limit=x', 'order=x', 'order_by=name'])
      assertDetail(await caller.get(`${BATCHES}?${query}`), 422, /^query\.(?:limit|order|order_by): /);
    for (const path of ['/v1/runs', '/v1/agents'])
      for (const limit of ['0', '1001', '-1'])
        assertDetail(await caller.get(`${path}?limit=${limit}`), 422, /^query\.limit: /);
  });

  test('32. the messages of a batch come once each, by agent where asked, with all keys', async () => {
    const caller = owner('lists-32');
    const agents = await caller.agents(3);
    const id = await caller.batch(agents.flatMap((agent) => [[agent, 'one'] as const, [agent, 'two'] as const]));
    await caller.ended(id);
    const all = await caller.messages(id);
    assert.equal(all.length, 12);
    for (const order of ['asc', 'desc']) {
      const paged: Fields[] = [];
      for (let after = ''; ; ) {
        const page = await caller.messages(id, `?order=${order}&limit=5${after}`);
        if (page.length === 0) break;
        paged.push(...page);
        after = `&after=${String(page.at(-1)?.['id'])}`;
      }
      assert.deepEqual(idsOf(paged), order === 'desc' ? idsOf(all) : idsOf(all).toReversed());
    }
    const [agent] = agents;
    const own = await caller.messages(id, `?agent_id=${agent}`);
    assert.deepEqual(
      own,
      all.filter((message) => message['agent_id'] === agent),
    );
    assert.equal(own.length, 4);
    for (const message of all) assert.deepEqual(Object.keys(message).toSorted(), sorted(MESSAGE_KEYS));
    assert.equal(all[0]?.['model'], ECHO);
  });

  test('33. what items begin with is there while the batch runs, with its run and item', async () => {
    const caller = owner('lists-33');
    const agent = await caller.agent(SHELL);
    const id = await caller.batch([
      [agent, 'sleep 60'],
      [agent, 'echo never'],
    ]);
    const inputs = await caller.messages(id, '?order=asc');
    const runs = await caller.runs(id);
    assert.deepEqual(
      inputs.map(({ run_id, batch_item_id, role }) => [run_id, batch_item_id, role]),
      runs.map(({ id: runId }) => [runId, String(runId).replace('run-', 'batch_item-'), 'user']),
    );
    assert.ok(inputs.every(({ otid }) => typeof otid === 'string'));
    await caller.cancel(id);
    assert.deepEqual(idsOf(await caller.messages(id, '?order=asc')).slice(0, 2), idsOf(inputs));
  });

  test('40. an agent of a model alone has all keys; what names no model is refused', async () => {
    const caller = owner('lists-40');
    const answer = await caller.send({ method: 'POST', path: '/v1/agents/', body: { model: ECHO } });
    assert.equal(answer.status, 200, answer.text);
    assert.deepEqual(Object.keys(answer.json).toSorted(), sorted(AGENT_KEYS));
    const { agent_type, model, tags, timezone, message_ids, metadata } = answer.json;
    assert.deepEqual(
      [agent_type, model, tags, timezone, message_ids, metadata],
      ['letta_v1_agent', ECHO, [], 'UTC', [], null],
    );
    const make = async (body: Fields) => await caller.send({ method: 'POST', path: '/v1/agents/', body });
    assertDetail(await make({}), 400, 'INVALID_ARGUMENT: Must specify either model or llm_config in request');
    const format = 'INVALID_ARGUMENT: The model handle should be in the format provider/model-name';
    assertDetail(await make({ model: 'foo' }), 400, format);
    assertDetail(
      await make({ model: 'foo/bar' }),
      404,
      /^NOT_FOUND: Handle foo\/bar not found, must be one of \[.*\]$/,
    );
    for (const config of [{ handle: ECHO }, { model_endpoint_type: 'kazi', model: 'echo' }]) {
      const made = await make({ llm_config: config });
      assert.equal(made.json['model'], ECHO);
    }
    for (const fields of [{ name: 'a/b' }, { timezone: 'Mars/Base' }, { tags: 'x' }, { memory_blocks: [{}] }])
      assertDetail(await make({ model: ECHO, ...fields }), 422, /^body\./);
    const bad = await caller.get('/v1/agents/agent-1');
    assertDetail(bad, 422, /^path\.agent_id: /);
    assert.deepEqual(bad.json['examples'], [UNKNOWN_AGENT]);
  });

  test('41. the list of agents pages in both orders, and filters; PATCH changes what is sent alone', async () => {
    const caller = owner('lists-41');
    const ids: string[] = [];
    for (const name of ['one', 'two', 'three', 'one more'])
      ids.push(await caller.agent(ECHO, { name, tags: ['all', name], memory_blocks: [{ label: 'l', value: name }] }));
    const list = async (query: string) => idsOf(await caller.list(`/v1/agents/?${query}`));
    assert.deepEqual(await list('order=asc&limit=3'), ids.slice(0, 3));
    assert.deepEqual(await list(`order=asc&limit=3&after=${ids[2]}`), ids.slice(3));
    assert.deepEqual(await list('limit=2'), ids.toReversed().slice(0, 2));
    assert.deepEqual(await list('name=one'), [ids[0]]);
    assert.deepEqual(await list('tags=all&tags=two'), [ids[1]]);
    const path = `/v1/agents/${ids[0]}`;
    const { updated_at: before, ...kept } = (await caller.get(path)).json;
    const changed = await caller.send({ method: 'PATCH', path, body: { description: 'new' } });
    const { updated_at: after, ...found } = changed.json;
    assert.deepEqual(found, { ...kept, description: 'new', last_updated_by_id: 'u' });
    assert.ok(String(after) >= String(before));
    const refused = await caller.send({ method: 'PATCH', path, body: { model: 'foo/bar' } });
    assertDetail(refused, 404, /^NOT_FOUND: Handle foo\/bar/);
  });

  test("43. the session's own messages have the same ids", async () => {
    const caller = owner('lists-43');
    const agent = await caller.agent();
    const id = await caller.batch([
      [agent, 'one'],
      [agent, 'two'],
    ]);
    await caller.ended(id);
    const headers = { authorization: `Bearer ${caller.credential}` };
    const session = await fetch(`${target.url}/session/${agent}/messages`, { headers });
    const { messages } = (await session.json()) as { messages: Fields[] };
    const ofBatch = (await caller.messages(id)).map((message) => String(message['id']).replace('message-', ''));
    assert.deepEqual(idsOf(messages).map(String).toSorted(), ofBatch.toSorted());
    const ofAgent = await caller.list(`/v1/agents/${agent}/messages?order=asc`);
    assert.deepEqual(
      ofAgent.map((message) => String(message['id']).replace('message-', '')),
      idsOf(messages),
    );
  });

  test('44. runs are filtered by status and agent; a job id in the path is 400', async () => {
    const caller = owner('lists-44');
    const [busy = '', done = ''] = await caller.agents(2, SHELL);
    const id = await caller.batch([
      [busy, 'sleep 60'],
      [busy, 'echo later'],
      [done, 'echo now'],
    ]);
    await eventually('the states that are filtered', async () => {
      const states = (await caller.runs(id)).map(({ status }) => status);
      return states.join(' ') === 'running created completed';
    });
    const statusesOf = async (query: string) =>
      (await caller.list(`/v1/runs/?order=asc&${query}`)).map(({ status }) => status);
    assert.deepEqual(await statusesOf('statuses=running&statuses=created'), ['running', 'created']);
    assert.deepEqual(await statusesOf('active=true'), ['running', 'created']);
    assert.deepEqual(await statusesOf(`agent_id=${done}`), ['completed']);
    assert.deepEqual(await statusesOf(`agent_ids=${done}&agent_ids=${busy}`), ['running', 'created', 'completed']);
    assert.deepEqual(await statusesOf(`agent_id=${UNKNOWN_AGENT}`), []);
    assert.deepEqual(await statusesOf('stop_reason=end_turn'), ['completed']);
    assert.deepEqual(await statusesOf('background=false'), []);
    assertDetail(await caller.get('/v1/runs?statuses=x'), 422, /^query\.statuses: /);
    assertDetail(await caller.get('/v1/runs?agent_id=x'), 422, /^query\.agent_id: /);
    const detail = `INVALID_ARGUMENT: Invalid run ID format: ${id}. Expected format: 'run-<uuid4>'`;
    assertDetail(await caller.get(`/v1/runs/${id}`), 400, detail);
    const unknown = `run-${UNKNOWN_UUID}`;
    assertDetail(await caller.get(`/v1/runs/${unknown}`), 404, `Run not found with id='${unknown}'`);
    await caller.cancel(id);
  });
};
