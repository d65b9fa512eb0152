import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { test } from 'node:test';
import { send } from '../../support/api-client.ts';
import { mintToken } from '../jobs/target.ts';
import { assertDetail, Caller, countsOf, ECHO, SHELL, type Target, UNKNOWN_AGENT, UNKNOWN_UUID } from './target.ts';

const ROUTES = [
  ['POST', '/v1/messages/batches'],
  ['GET', '/v1/messages/batches'],
  ['GET', `/v1/messages/batches/job-${UNKNOWN_UUID}`],
  ['GET', `/v1/messages/batches/job-${UNKNOWN_UUID}/messages`],
  ['PATCH', `/v1/messages/batches/job-${UNKNOWN_UUID}/cancel`],
  ['POST', '/v1/agents/'],
  ['GET', '/v1/agents/'],
  ['GET', `/v1/agents/${UNKNOWN_AGENT}`],
  ['PATCH', `/v1/agents/${UNKNOWN_AGENT}`],
  ['DELETE', `/v1/agents/${UNKNOWN_AGENT}`],
  ['GET', `/v1/agents/${UNKNOWN_AGENT}/messages`],
  ['GET', '/v1/runs/'],
  ['GET', `/v1/runs/run-${UNKNOWN_UUID}`],
  ['GET', `/v1/runs/run-${UNKNOWN_UUID}/messages`],
  ['GET', `/v1/runs/run-${UNKNOWN_UUID}/usage`],
] as const;

/** Conformance checks 1, 3 to 12, 39, 47: how a batch is taken in. */
export const defineCreateChecks = (target: Target): void => {
  const caller = new Caller(target);

  test('1. no or a wrong credential is 401 on every route but health, also with a broken body', async () => {
    for (const [method, path] of ROUTES) {
      const body = method === 'POST' ? { body: '{"broken' } : {};
      for (const headers of [{}, { authorization: 'Bearer kz_wrong' }, { authorization: 'Basic x' }]) {
        const answer = await send(target.url, { method, path, headers, ...body });
        assert.deepEqual([answer.status, answer.text], [401, '{"detail":"Unauthorized"}'], `${method} ${path}`);
      }
    }
    const health = await send(target.url, { path: '/v1/health/' });
    assert.deepEqual([health.status, health.json['status'], typeof health.json['version']], [200, 'ok', 'string']);
    assertDetail(await caller.get('/v1/nothing'), 404, 'Not Found');
  });

  test('3. each path answers with and without a slash at its end, without a redirect', async () => {
    for (const path of ['/v1/agents', '/v1/agents/', '/v1/messages/batches', '/v1/messages/batches/', '/v1/runs'])
      assert.equal((await caller.get(path)).status, 200);
    assert.equal((await send(target.url, { path: '/v1/health' })).status, 200);
  });

  test('4. a batch that was taken in is running, valid, and has all 18 keys', async () => {
    const agent = await caller.agent();
    const answer = await caller.create({ requests: [{ agent_id: agent, input: 'hi' }] });
    assert.equal(answer.status, 200, answer.text);
    const { status, job_type, background, agent_id, callback_url, completed_at } = answer.json;
    assert.deepEqual(
      { status, job_type, background, agent_id, callback_url, completed_at },
      {
        status: 'running',
        job_type: 'batch',
        background: false,
        agent_id: null,
        callback_url: null,
        completed_at: null,
      },
    );
    assert.equal(Object.keys(answer.json).length, 18);
    assert.ok(!('user_id' in answer.json));
    assert.deepEqual(countsOf(answer.json), [1, 0, 0, 0]);
    await caller.retrieve(String(answer.json['id']));
  });

  test('5. every time in every answer ends in Z', async () => {
    const agent = await caller.agent();
    const batch = await caller.ended(await caller.batch([[agent, 'hi']]));
    // The caller holds every answer to it; here are all kinds of answers, with times in them.
    const answers = [
      ...(await caller.list('/v1/messages/batches')),
      ...(await caller.list('/v1/agents/')),
      ...(await caller.runs(String(batch['id']))),
      ...(await caller.messages(String(batch['id']))),
      ...(await caller.list(`/v1/agents/${agent}/messages`)),
    ];
    assert.ok(answers.length >= 5);
    for (const entry of answers) assert.match(String(entry['created_at'] ?? entry['date']), /Z$/);
  });

  /** Of all batches: those that run may change meanwhile. */
  const idsOf = async (): Promise<unknown[]> => (await caller.list('/v1/messages/batches')).map(({ id }) => id);

  test('6. no requests are 400, and nothing is stored', async () => {
    const before = await idsOf();
    assertDetail(await caller.create({ requests: [] }), 400, 'Empty list of batch_requests passed in!');
    assert.deepEqual(await idsOf(), before);
  });

  test('7. what has the wrong shape is 422 with one string', async () => {
    const agent = await caller.agent();
    const item = (fields: Readonly<Record<string, unknown>>) => ({ requests: [{ agent_id: agent, ...fields }] });
    const refused = async (body: Parameters<Caller['create']>[0], detail: RegExp) => {
      const answer = await caller.create(body);
      assertDetail(answer, 422, detail);
      assert.equal(answer.json['trace_id'], answer.headers['x-request-id']);
    };
    await refused({}, /^body\.requests: field required$/);
    await refused('{"requests": [', /invalid JSON/);
    await refused('[]', /^body: /);
    await refused('', /invalid JSON/);
    await refused({ requests: 'x' }, /^body\.requests: /);
    await refused({ requests: [7] }, /^body\.requests\.0: /);
    await refused({ requests: [{ agent_id: 'agent-1', input: 'x' }] }, /^body\.requests\.0\.agent_id: /);
    await refused(item({ messages: [{ role: 'tool', content: 'x' }] }), /messages\.0\.role: /);
    await refused(item({ messages: [{ role: 'user' }] }), /messages\.0\.content: field required/);
    await refused(item({}), /Must specify either 'input' or 'messages'\./);
    await refused(item({ input: 'x', messages: [] }), /Cannot specify both 'input' and 'messages'\./);
    await refused(item({ input: 'x', max_steps: 0 }), /max_steps: /);
    await refused(item({ input: [{ type: 'image', source: { type: 'file' } }] }), /source/);
  });

  test('8. empty input is 400; unknown keys are ignored', async () => {
    const agent = await caller.agent();
    const refused = async (fields: Readonly<Record<string, unknown>>, detail: string) =>
      assertDetail(await caller.create({ requests: [{ agent_id: agent, ...fields }] }), 400, detail);
    await refused({ messages: [] }, 'Message content is empty or invalid');
    await refused({ input: '' }, 'Message content is empty or invalid');
    await refused({ input: [] }, 'Message content is empty or invalid');
    await refused({ messages: [{ role: 'user', content: '' }] }, 'Message content is empty or invalid');
    await refused({ input: [{ type: 'audio' }] }, 'Unsupported content part: audio');
    await refused({ messages: [{ type: 'approval', approvals: [] }] }, 'Only messages can be sent in a batch');
    const known = { use_assistant_message: true, client_tools: [{}], whatever: { deep: [1] } };
    const request = {
      agent_id: agent,
      messages: [{ role: 'user', content: [{ type: 'text', text: 'x', y: 1 }], z: 2 }],
    };
    const answer = await caller.create({ requests: [{ ...request, ...known }], extra: null });
    assert.equal(answer.status, 200, answer.text);
  });

  test('9. an unknown agent as second item is 404 by its name, and nothing is stored', async () => {
    const agent = await caller.agent();
    const before = await idsOf();
    const requests = [
      { agent_id: agent, input: 'x' },
      { agent_id: UNKNOWN_AGENT, input: 'x' },
    ];
    assertDetail(await caller.create({ requests }), 404, `Agent with ID ${UNKNOWN_AGENT} not found`);
    assert.deepEqual(await idsOf(), before);
    assert.deepEqual(await caller.list(`/v1/runs/?agent_id=${agent}`), []);
    assert.deepEqual(await caller.list(`/v1/agents/${agent}/messages`), []);
  });

  test("10. another tenant's agent is the same 404, as is one beyond a token's sessions", async () => {
    const foreign = await new Caller(target, mintToken(target, { tenant_id: 'other', user_id: 'u' })).agent();
    const requests = [{ agent_id: foreign, input: 'x' }];
    assertDetail(await caller.create({ requests }), 404, `Agent with ID ${foreign} not found`);
    assertDetail(await caller.get(`/v1/agents/${foreign}`), 404, `Agent with ID ${foreign} not found`);
    const claims = { tenant_id: 'other', session_id: 'another' };
    const bound = new Caller(target, mintToken(target, claims));
    assertDetail(await bound.create({ requests }), 404, `Agent with ID ${foreign} not found`);
    const refused = await bound.send({ method: 'POST', path: '/v1/agents', body: { model: ECHO } });
    assertDetail(refused, 403, 'Session not authorized');
  });

  test('12. a body above 256 MiB is 400, with and without Content-Length', async () => {
    const declared = await caller.send({
      method: 'POST',
      path: '/v1/messages/batches',
      headers: { 'content-length': '268435457', connection: 'close' },
    });
    const detail = 'INVALID_ARGUMENT: Request too large (268435457 bytes). Max is 268435456 bytes.';
    assertDetail(declared, 400, detail);
    const status = await sendEndless(target);
    // Undefined: the connection was closed under the client, which was still sending.
    assert.ok(status === 400 || status === undefined, String(status));
    assert.equal((await caller.get('/v1/messages/batches')).status, 200);
  });

  test('39. a repeated create makes one batch, by SDK retry or by key; another body under the key is 422', async () => {
    const agent = await caller.agent();
    const body = { requests: [{ agent_id: agent, input: `once ${agent}` }] };
    const first = await caller.create(body);
    const retried = await caller.create(body, { 'x-stainless-retry-count': '1' });
    assert.deepEqual(retried.json, first.json);
    const headers = { 'idempotency-key': agent };
    const keyed = await caller.create(body, headers);
    assert.notEqual(keyed.json['id'], first.json['id']);
    const repeated = await caller.create(body, headers);
    assert.deepEqual([repeated.status, repeated.json], [200, keyed.json]);
    assert.equal(repeated.headers['idempotency-replayed'], 'true');
    const other = await caller.create({ requests: [{ agent_id: agent, input: 'other' }] }, headers);
    assertDetail(other, 422, 'Idempotency-Key was used with a different request body');
    assertDetail(await caller.create(body, { 'idempotency-key': 'ü' }), 400, 'Invalid Idempotency-Key');
    assert.equal((await caller.list(`/v1/runs/?agent_id=${agent}`)).length, 2);
    const both = await Promise.all(
      [1, 2].map(async () => await caller.create(body, { 'idempotency-key': `${agent}-2` })),
    );
    assert.equal(both[0]?.json['id'], both[1]?.json['id']);
  });

  test('47. hints that name somebody else are 403', async () => {
    const list = '/v1/messages/batches';
    assertDetail(await caller.send({ path: list, headers: { user_id: 'x' } }), 403, 'user_id mismatch');
    assertDetail(await caller.get(`${list}?user_id=x`), 403, 'user_id mismatch');
    assertDetail(await caller.get(`${list}?tenant_id=x`), 403, 'tenant_id mismatch');
    assert.equal((await caller.send({ path: list, headers: { user_id: 'admin' } })).status, 200);
  });

  test('a batch of scripts runs them', async () => {
    const agent = await caller.agent(SHELL);
    const batch = await caller.ended(await caller.batch([[agent, 'echo $((6*7))']]));
    assert.deepEqual(countsOf(batch), [1, 1, 0, 0]);
    const said = await caller.messages(String(batch['id']), '?order=asc');
    assert.deepEqual(
      said.map(({ role, content }) => [role, (content as { text: string }[])[0]?.text]),
      [
        ['user', 'echo $((6*7))'],
        ['assistant', '42\n'],
      ],
    );
  });
};

/** Sends more than is allowed without saying how much; gives the status of the answer, if the client could read it. */
const sendEndless = async (target: Target): Promise<number | undefined> => {
  const outgoing = request(`${target.url}/v1/messages/batches`, {
    method: 'POST',
    agent: false,
    headers: { authorization: `Bearer ${target.apiKey}` },
  });
  const answered = once(outgoing, 'response').then(
    ([response]) => (response as IncomingMessage).resume().statusCode,
    () => undefined,
  );
  const chunk = Buffer.alloc(4_194_304, ' ');
  for (let sent = 0; sent <= 64 && !outgoing.destroyed; sent += 1)
    if (!outgoing.write(chunk)) await Promise.race([once(outgoing, 'drain').catch(() => undefined), answered]);
  outgoing.end();
  return await answered;
};
