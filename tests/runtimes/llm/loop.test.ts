import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { listSteps } from '../../../src/storage/steps.ts';
import { createTestDatabase } from '../../support/database.ts';
import { startTestNode } from '../../support/node.ts';
import { IN_A_REAL_SANDBOX } from '../../support/real-sandbox.ts';
import { addAgent, bodyOf, eventsOf, script, startLlmNode, startModel } from './llm-node.ts';

describe('the loop of the llm runtime', async () => {
  const { url: databaseUrl } = await createTestDatabase();

  test('repeats a call that was limited, failed or broke off, and honours Retry-After', async (t) => {
    const model = await startModel(
      t,
      script([
        {
          text: 'Patience pays.',
          chunkCharacters: 4,
          faults: [{ status: 429, retryAfterSeconds: 0.1 }, { status: 500 }, { cutAfterCharacters: 8 }],
        },
      ]),
    );
    const node = await startLlmNode(t, model, { databaseUrl });
    const id = await node.submit('go', { agent: 'default' });
    const job = await node.ended(id);
    assert.deepEqual([job.error, job.outcome?.text, job.outcome?.turns], [null, 'Patience pays.', 1]);
    const events = await eventsOf(node, id);
    const retries = events.filter(({ type }) => type === 'model_call.retried');
    assert.deepEqual(
      retries.map(({ data }) => data['fault']),
      ['rate_limited', 'unavailable', 'interrupted'],
    );
    assert.ok(Number(retries[0]?.data['delay_ms']) >= 100, 'waits at least as long as it was told to');
    assert.equal(job.attempts, 1, 'a retry of the step is no retry of the job');
  });

  for (const [what, turn, said] of [
    ['a wrong key', { status: 401 }, /refused the API key \(401\).*OPENAI_API_KEY/],
    ['an unknown model', { status: 404, code: 'model_not_found' }, /gpt-4\.1-mini/],
    ['a request that the provider refuses', { status: 400 }, /400/],
  ] as const) {
    test(`ends the job with a clear error at once: ${what}`, async (t) => {
      const model = await startModel(t, script([{ faults: [turn, turn], text: 'never' }]));
      const node = await startLlmNode(t, model, { databaseUrl });
      const job = await node.ended(await node.submit('go', { agent: 'default' }));
      assert.equal(job.state, 'failed');
      assert.match(job.error ?? '', said);
      assert.doesNotMatch(job.error ?? '', /test-key/);
      assert.equal(model.requests.length, 1);
      // A key that the provider refuses is no fault of the agent: a waiting client gets 502.
      assert.equal(job.outcome?.fault, turn.status === 401 ? 'provider' : undefined);
    });
  }

  test('fails at once with what to set when no model is configured', async (t) => {
    const node = await startTestNode(t, { databaseUrl });
    const job = await node.ended(await node.submit('go', { agent: 'default' }));
    assert.equal(job.state, 'failed');
    assert.match(job.error ?? '', /Set KAZI_MODEL/);
  });

  test('tells the model of arguments that are no JSON, of tools that there are not, and goes on', async (t) => {
    const model = await startModel(
      t,
      script([
        { toolCalls: [{ name: 'bash', rawInput: '{"command": "echo' }] },
        { toolCalls: [{ name: 'teleport', input: {} }] },
        { toolCalls: [{ name: 'bash', input: { comand: 'true' } }] },
        { text: 'I give up.' },
      ]),
    );
    const node = await startLlmNode(t, model, { databaseUrl });
    const id = await node.submit('go', { agent: 'default' });
    const job = await node.ended(id);
    assert.deepEqual([job.error, job.outcome?.text], [null, 'I give up.']);
    assert.match(bodyOf(model, 1), /not JSON/);
    assert.match(bodyOf(model, 2), /There is no tool .*teleport.*bash, read, write/);
    assert.match(bodyOf(model, 3), /does not fit its schema/);
    assert.equal(job.sandboxId, null, 'nothing ran, so no sandbox was opened');
  });

  test('runs several calls of one answer, each with its own row', async (t) => {
    const model = await startModel(
      t,
      script([
        {
          toolCalls: [
            { name: 'bash', input: { command: 'echo one' } },
            { name: 'bash', input: { command: 'echo two; exit 4' } },
          ],
        },
        { text: 'done' },
      ]),
    );
    const node = await startLlmNode(t, model, { databaseUrl });
    const id = await node.submit('go', { agent: 'default' });
    assert.equal((await node.ended(id)).error, null);
    const steps = await listSteps(node.context.db, id);
    assert.deepEqual(
      steps.map(({ name, state }) => `${name} ${state}`),
      ['model finished', 'bash finished', 'bash finished', 'model finished'],
    );
    assert.match(bodyOf(model, 1), /one.*two/s);
  });

  test('goes on with what was said before in the session, and with its files', async (t) => {
    const model = await startModel(t, {
      conversations: [
        {
          name: 'first',
          when: { contains: 'remember' },
          turns: [
            { toolCalls: [{ name: 'write', input: { path: 'note.txt', content: 'blue' } }] },
            { text: 'I noted it.' },
          ],
        },
        {
          name: 'second',
          when: { contains: 'which colour' },
          turns: [{ toolCalls: [{ name: 'read', input: { path: 'note.txt' } }] }, { text: 'It was blue.' }],
        },
      ],
    });
    const node = await startLlmNode(t, model, { databaseUrl, format: 'messages' });
    const session = { agent: 'default', sessionId: 'colours' };
    assert.equal((await node.ended(await node.submit('remember blue', session))).error, null);
    const second = await node.ended(await node.submit('which colour was it?', session));
    assert.deepEqual([second.error, second.outcome?.text], [null, 'It was blue.']);
    assert.match(bodyOf(model, 2), /remember blue.*note\.txt.*I noted it.*which colour/s);
    assert.match(bodyOf(model, 3), /blue/);
  });

  test('runs with the instructions, tools and model of its agent', async (t) => {
    const model = await startModel(t, script([{ text: 'ahoy' }]));
    const node = await startLlmNode(t, model, { databaseUrl });
    const agent = await addAgent(node, {
      name: 'pirate',
      model: 'anthropic/claude-haiku-4-5',
      instructions: 'You talk like a pirate.',
      tools: ['read'],
    });
    const job = await node.ended(await node.submit('hello', { agent }));
    assert.deepEqual([job.error, job.agentVersion], [null, 1]);
    assert.deepEqual(job.outcome?.models, ['anthropic/claude-haiku-4-5']);
    assert.match(bodyOf(model, 0), /You talk like a pirate/);
    const body = model.requests[0]?.body as { readonly tools: readonly { readonly name: string }[] } | undefined;
    assert.deepEqual(
      body?.tools.map(({ name }) => name),
      ['read'],
    );
  });

  test('answers with JSON of the schema, after one correction', async (t) => {
    const outputSchema = {
      type: 'object',
      properties: { total: { type: 'integer' } },
      required: ['total'],
      additionalProperties: false,
    };
    const model = await startModel(t, script([{ text: '{"total": "ten"}' }, { text: '```json\n{"total": 10}\n```' }]));
    const node = await startLlmNode(t, model, { databaseUrl });
    const agent = await addAgent(node, { name: 'counter', outputSchema });
    const job = await node.ended(await node.submit('count', { agent }));
    assert.deepEqual([job.error, job.state, job.outcome?.structuredOutput], [null, 'complete', { total: 10 }]);
    assert.match(bodyOf(model, 1), /\/total: must be integer/);
  });

  test('fails with the faults when the corrected answer does not fit either', async (t) => {
    const model = await startModel(t, script([{ text: 'ten' }, { text: '{"total": "ten"}' }]));
    const node = await startLlmNode(t, model, { databaseUrl });
    const outputSchema = {
      $schema: 'http://json-schema.org/draft-07/schema#',
      type: 'object',
      properties: { total: { type: 'integer' } },
    };
    const agent = await addAgent(node, { name: 'miscounter', outputSchema });
    const job = await node.ended(await node.submit('count', { agent }));
    assert.equal(job.state, 'failed');
    assert.match(job.error ?? '', /does not fit the schema:\n\/total: must be integer/);
    assert.equal(job.outcome?.text, '{"total": "ten"}');
    assert.equal(model.requests.length, 2);
  });

  test('warns of a price that it does not know, and says nothing of the cost', async (t) => {
    const model = await startModel(t, script([{ text: 'free?' }]));
    const node = await startLlmNode(t, model, {
      databaseUrl,
      settings: { KAZI_MODEL: 'openai-compatible/never-heard-of' },
    });
    const id = await node.submit('go', { agent: 'default' });
    const job = await node.ended(id);
    assert.deepEqual([job.error, job.outcome?.costMicros], [null, null]);
    const warnings = (await eventsOf(node, id)).filter(({ type }) => type === 'warning.raised');
    assert.match(String(warnings[0]?.data['message']), /price of openai-compatible\/never-heard-of is unknown/);
  });
});

describe('an MCP server of an agent', async () => {
  const { url: databaseUrl } = await createTestDatabase();

  test('that does not start ends the job with what it said', IN_A_REAL_SANDBOX, async (t) => {
    const model = await startModel(t, script([{ text: 'never' }]));
    const node = await startLlmNode(t, model, { databaseUrl });
    const command = ['sh', '-c', 'echo no such database >&2; exit 7'] as const;
    const server = { name: 'broken', transport: 'stdio', command, env: {}, tools: null } as const;
    const agent = await addAgent(node, { name: 'connected', mcpServers: [server] });
    const job = await node.ended(await node.submit('go', { agent }));
    assert.equal(job.state, 'failed');
    assert.match(job.error ?? '', /MCP server "broken" of the agent cannot be used: .*no such database/s);
    assert.equal(model.requests.length, 0);
  });

  test('may not be reached against the egress policy of the agent', async (t) => {
    const model = await startModel(t, script([{ text: 'never' }]));
    const node = await startLlmNode(t, model, { databaseUrl });
    const server = { name: 'inside', transport: 'http', url: `${model.url}/mcp`, headers: {}, tools: null } as const;
    const agent = await addAgent(node, { name: 'nosy', mcpServers: [server] });
    const job = await node.ended(await node.submit('go', { agent }));
    assert.equal(job.state, 'failed');
    assert.match(job.error ?? '', /MCP server "inside" of the agent cannot be used: .*may not be fetched/s);
    assert.equal(model.requests.length, 0);
  });
});
