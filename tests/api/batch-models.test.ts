import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { createEgress } from '../../src/egress/guarded-egress.ts';
import { createModels } from '../../src/models/models.ts';
import { parseScript } from '../../src/models/scripted/parse-script.ts';
import { startScriptedModel } from '../../src/models/scripted/scripted-model.ts';
import { createLlmRuntime } from '../../src/runtimes/llm/llm-runtime.ts';
import { startApi } from '../support/api.ts';
import { eventually } from '../support/signals.ts';
import { Caller, countsOf } from '../wire/batches/target.ts';

/** Conformance checks 17, 19, 45 and 46 of the batches API, which need a model. It answers by what it is asked. */
const HANDLE = 'openai-compatible/local';
const usage = { inputTokens: 100, cacheReadTokens: 40, outputTokens: 20 };
const model = await startScriptedModel({
  script: parseScript({
    conversations: [
      {
        name: 'endless',
        when: { contains: 'go on' },
        repeatLast: true,
        turns: [{ text: 'Once more.', toolCalls: [{ name: 'list', input: {} }], usage }],
      },
      { name: 'slow', when: { contains: 'slowly' }, turns: [{ text: 'late', usage, delayMs: 60_000 }] },
      { name: 'plain', repeatLast: true, turns: [{ text: 'an answer', usage }] },
    ],
  }),
  keepBodies: true,
});
after(async () => await model.stop());
const settings = {
  model: HANDLE,
  anthropicApiKey: null,
  anthropicBaseUrl: null,
  openaiApiKey: null,
  openaiBaseUrl: null,
  googleGenerativeAiApiKey: null,
  openaiCompatibleUrl: `${model.url}/v1`,
  openaiCompatibleApiKey: null,
};
const egress = createEgress({ allowPrivate: false });
after(async () => await egress.stop());
const api = await startApi({
  models: settings,
  runtimes: [createLlmRuntime({ models: createModels({ settings }), egress })],
});
const caller = new Caller({ url: api.url, signingSecret: api.signingSecret, apiKey: api.adminKey });

test('17. an item sees what was said to the same agent before, images and system messages included', async () => {
  const agent = await caller.agent(HANDLE, { system: 'Be brief.', memory_blocks: [{ label: 'human', value: 'Ada' }] });
  const picture = { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' } };
  const messages = [
    { role: 'system', content: 'A note.' },
    { role: 'user', content: [{ type: 'text', text: 'What is this?' }, picture] },
  ];
  const requests = [
    { agent_id: agent, messages },
    { agent_id: agent, input: 'And then?' },
  ];
  const created = await caller.create({ requests });
  assert.equal(created.status, 200, created.text);
  const id = String(created.json['id']);
  assert.deepEqual(countsOf(await caller.ended(id)), [2, 2, 0, 0]);
  const [first = '', second = ''] = model.requests.map(({ body }) => JSON.stringify(body));
  for (const text of ['Be brief.', 'Ada', 'A note.', 'What is this?', 'iVBORw0KGgo='])
    assert.ok(first.includes(text), text);
  for (const text of ['A note.', 'What is this?', 'an answer', 'And then?']) assert.ok(second.includes(text), text);
  const said = await caller.messages(id, '?order=asc');
  assert.deepEqual(
    said.map(({ role }) => role),
    ['system', 'user', 'user', 'assistant', 'assistant'],
  );
  assert.equal(said.at(-1)?.['model'], HANDLE);
});

test('19. an item ends well after as many model calls as it asked for', async () => {
  const agent = await caller.agent(HANDLE);
  const created = await caller.create({ requests: [{ agent_id: agent, input: 'go on', max_steps: 1 }] });
  const id = String(created.json['id']);
  assert.deepEqual(countsOf(await caller.ended(id)), [1, 1, 0, 0]);
  const [run] = await caller.runs(id);
  assert.deepEqual([run?.['status'], run?.['stop_reason']], ['completed', 'max_steps']);
  const kinds = (await caller.list(`/v1/runs/${String(run?.['id'])}/messages`)).map(({ message_type: type }) => type);
  assert.deepEqual(kinds, ['user_message', 'assistant_message', 'tool_call_message', 'tool_return_message']);
  const tool = (await caller.messages(id)).find(({ role }) => role === 'tool');
  assert.equal(tool?.['name'], 'list');
});

test('45. the usage of a run is that of its job', async () => {
  const agent = await caller.agent(HANDLE);
  const id = await caller.batch([[agent, 'how many?']]);
  await caller.ended(id);
  const [run] = await caller.runs(id);
  const found = (await caller.get(`/v1/runs/${String(run?.['id'])}/usage`)).json;
  assert.deepEqual(found, {
    completion_tokens: 20,
    prompt_tokens: 100,
    total_tokens: 120,
    prompt_tokens_details: { cached_tokens: 40, cache_read_tokens: 40, cache_creation_tokens: 0 },
    completion_tokens_details: { reasoning_tokens: 0 },
  });
  const job = await caller.job(String(run?.['id']).replace('run-', ''));
  assert.equal((job['usage'] as { readonly total_tokens: number }).total_tokens, found['total_tokens']);
});

test('46. a cancelled run stays so when its model answers late', async () => {
  const agent = await caller.agent(HANDLE);
  const id = await caller.batch([[agent, 'slowly']]);
  const asked = model.requests.length;
  await eventually('the call of the model', () => model.requests.length > asked || asked > 4);
  await caller.cancel(id);
  const run = await eventually('the end of the run', async () => {
    const [found] = await caller.runs(id);
    return found?.['status'] === 'cancelled' && found;
  });
  await eventually('its node to let it go', async () => {
    const job = await caller.job(String(run['id']).replace('run-', ''));
    return job['agent_duration_ms'] !== null;
  });
  assert.equal((await caller.runs(id))[0]?.['status'], 'cancelled');
});
