import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import { BatchDraft } from '../../../src/actions/batch-draft.ts';
import { cancelJob } from '../../../src/actions/cancel-job.ts';
import { createBatch } from '../../../src/actions/create-batch.ts';
import { createProfile } from '../../../src/actions/create-profile.ts';
import { requestStop } from '../../../src/actions/request-stop.ts';
import { parseScript } from '../../../src/models/scripted/parse-script.ts';
import { type ScriptedModel, startScriptedModel } from '../../../src/models/scripted/scripted-model.ts';
import { createTestDatabase } from '../../support/database.ts';
import { ADMIN, makeDataDir, type TestNode } from '../../support/node.ts';
import { rowsOf } from '../../support/rows.ts';
import { eventually } from '../../support/signals.ts';
import { addAgent, bodyOf, eventsOf, FORMATS, script, startLlmNode, startModel } from './llm-node.ts';

const QUICK = { KAZI_MODEL_BATCH_WINDOW_MS: '0', KAZI_MODEL_BATCH_POLL_MS: '120' };
const USAGE = { inputTokens: 1_000, cacheReadTokens: 0, cacheWriteTokens: 0, outputTokens: 500, reasoningTokens: 0 };
/** What a request says of streaming alone. */
const OF_STREAMS = ['stream', 'eager_input_streaming'];
const NOBODY = { name: null, senderId: null, groupId: null };
const PROFILE = {
  ...{ name: 'clerk', model: 'openai/gpt-4.1-mini', instructions: null, blocks: [], description: null },
  ...{ tags: [], metadata: null, timezone: 'UTC' },
};
const TWO_STEPS = [
  {
    reasoning: 'First I look.',
    text: 'I count.',
    toolCalls: [{ name: 'bash', input: { command: 'echo counted >> log.txt; cat log.txt' } }],
    usage: USAGE,
  },
  { expect: { lastToolResultContains: 'counted' }, text: 'One line.', usage: USAGE },
];

describe('an agent that calls its model in batches', async () => {
  const { url: databaseUrl } = await createTestDatabase();
  const rows = rowsOf(databaseUrl);
  const start = async (
    t: Parameters<typeof startModel>[0],
    json: unknown,
    options: { readonly format?: 'responses' | 'messages'; readonly settings?: Readonly<Record<string, string>> } = {},
  ): Promise<{ readonly model: ScriptedModel; readonly node: TestNode; readonly agent: string }> => {
    const model = await startModel(t, json);
    const { format = 'responses', settings } = options;
    const node = await startLlmNode(t, model, { databaseUrl, format, settings: { ...QUICK, ...settings } });
    return { model, node, agent: await addAgent(node, { name: 'patient', modelCalls: 'batch' }) };
  };
  const waiting = async (jobId: string, state = 'submitted'): Promise<void> => {
    await eventually(`a parked job with a request that is ${state}`, async () => {
      const [row] = await rows(
        `select 1 from model_requests r join jobs j on j.id = r.job_id
         where r.job_id = $1 and r.state = $2 and j.state = 'queued' and j.lease_id is null`,
        [jobId, state],
      );
      return row !== undefined;
    });
  };

  for (const format of ['responses', 'messages'] as const) {
    test(`goes through tools to its answer, at half the price: ${format}`, async (t) => {
      const { model, node, agent } = await start(t, script(TWO_STEPS), { format });
      const id = await node.submit('count the lines', { agent });
      const job = await node.ended(id);
      assert.deepEqual([job.error, job.outcome?.text, job.outcome?.turns], [null, 'One line.', 2]);
      assert.deepEqual(
        model.requests.map(({ isStream, result, batch }) => [isStream, result, batch !== undefined]),
        [
          [false, 'answered', true],
          [false, 'answered', true],
        ],
      );
      assert.match(bodyOf(model, 1), /counted/);
      const [provider = '', name = ''] = FORMATS[format].model.split('/');
      const calls = await rows<{ provider: string; model: string; cost: string; is_batched: boolean }>(
        'select provider, model, cost_micros as cost, is_batched from model_calls where job_id = $1 order by ordinal',
        [id],
      );
      const full = format === 'responses' ? 1_000 * 0.4 + 500 * 1.6 : 1_000 * 1 + 500 * 5;
      assert.deepEqual(
        calls.map((call) => [call.provider, call.model, Number(call.cost), call.is_batched]),
        [
          [provider, name, full / 2, true],
          [provider, name, full / 2, true],
        ],
      );
      assert.equal(job.outcome?.costMicros, full);
      const types = (await eventsOf(node, id)).map(({ type }) => type);
      assert.equal(types.filter((type) => type === 'model_call.batched').length, 2);
      assert.equal(types.filter((type) => type === 'message.delta').length, 0);
      const [budget] = await rows<{ held: string }>('select held_micros as held from job_budgets where job_id = $1', [
        id,
      ]);
      assert.equal(Number(budget?.held), 0);
      // What went into the batch is what a call of its own sends, but for streaming.
      await node.ended(await node.submit('count the lines', { agent: 'default' }));
      const sent = (index: number): unknown =>
        JSON.parse(bodyOf(model, index), (key, value: unknown) => (OF_STREAMS.includes(key) ? undefined : value));
      assert.deepEqual(sent(0), sent(2));
    });
  }

  test('shares one batch with others, keeps no process while it waits, and goes on at another node', async (t) => {
    const model = await startModel(t, script([{ text: 'Mine: {{lastUserText}}' }]));
    const dataDir = await makeDataDir(t);
    const parts = { databaseUrl, dataDir };
    const first = await startLlmNode(t, model, { ...parts, settings: { KAZI_MODEL_BATCH_WINDOW_MS: '3600000' } });
    const agent = await addAgent(first, { name: 'patient', modelCalls: 'batch' });
    const ids = await Promise.all(['a', 'b', 'c', 'd', 'e'].map(async (text) => await first.submit(text, { agent })));
    await Promise.all(ids.map(async (id) => await waiting(id, 'collecting')));
    assert.equal(first.engine.running, 0);
    await first.stop();
    const second = await startLlmNode(t, model, { ...parts, settings: QUICK });
    const texts = await Promise.all(ids.map(async (id) => (await second.ended(id)).outcome?.text));
    assert.deepEqual(texts, ['Mine: a', 'Mine: b', 'Mine: c', 'Mine: d', 'Mine: e']);
    assert.equal(model.requests.length, 5);
    assert.equal(new Set(model.requests.map(({ batch }) => batch)).size, 1);
  });

  test('is stopped or canceled while it waits; what it has cost is counted when it comes', async (t) => {
    const json = { ...(script([{ text: 'Too late.', usage: USAGE }]) as object), batches: { delayMs: 600 } };
    const { node, agent } = await start(t, json);
    const id = await node.submit('never mind', { agent });
    const sessionId = randomUUID();
    const stopped = await node.submit('go', { agent, sessionId });
    await Promise.all([waiting(id), waiting(stopped)]);
    await requestStop(node.context, ADMIN, { sessionId, mode: 'graceful', reason: null });
    await cancelJob(node.context, ADMIN, { jobId: id, namedSessionId: null });
    for (const job of [id, stopped]) assert.equal((await node.ended(job)).state, 'canceled');
    const call = await eventually('the cost of a call that nobody waits for', async () => {
      const [row] = await rows<{ cost: string; spent: string; held: string }>(
        `select c.cost_micros as cost, b.spent_micros as spent, b.held_micros as held
         from model_calls c join job_budgets b on b.job_id = c.job_id where c.job_id = $1`,
        [id],
      );
      return row;
    });
    assert.deepEqual([Number(call.cost), Number(call.spent), Number(call.held)], [600, 600, 0]);
    const [request] = await rows<{ state: string; answer: string | null }>(
      'select state, answer from model_requests where job_id = $1',
      [id],
    );
    assert.deepEqual(request, { state: 'settled', answer: null });
  });

  test('asks for nothing once its budget is used up, or where its model has no batches', async (t) => {
    const { model, node } = await start(t, script(TWO_STEPS));
    const limits = {
      budget: 'standard',
      maxModelCalls: null,
      maxCostMicros: 700,
      maxRunMs: null,
      maxOutputTokens: null,
    } as const;
    const agent = await addAgent(node, { name: 'poor', modelCalls: 'batch', tools: ['bash'], limits });
    const job = await node.ended(await node.submit('count the lines', { agent }));
    assert.equal(job.outcome?.subtype, 'budget_exceeded');
    assert.equal(model.requests.length, 1, 'the second call was not made');
    const odd = await addAgent(node, { name: 'odd', modelCalls: 'batch', model: 'openai-compatible/local' });
    const refused = await node.ended(await node.submit('go', { agent: odd }));
    assert.match(refused.error ?? '', /in batches, which openai-compatible does not take/);
  });

  for (const format of ['responses', 'messages'] as const) {
    test(`tries what expired once more, then directly, and fails for what is refused: ${format}`, async (t) => {
      const faults = [{ expired: true }, { expired: true }];
      const { model, node, agent } = await start(
        t,
        {
          conversations: [
            { name: 'late', when: { contains: 'late' }, turns: [{ text: 'At last.', usage: USAGE, faults }] },
            { name: 'bad', turns: [{ text: 'never', faults: [{ status: 400, message: 'That is not possible.' }] }] },
          ],
        },
        { format },
      );
      const [late, bad] = [await node.submit('late', { agent }), await node.submit('bad', { agent })];
      assert.match((await node.ended(bad)).error ?? '', /refused the request .*That is not possible/);
      assert.equal((await node.ended(late)).outcome?.text, 'At last.');
      assert.deepEqual(
        model.requests
          .filter(({ conversation }) => conversation === 'late')
          .map(({ batch, result }) => [batch !== undefined, result]),
        [
          [true, 'fault'],
          [true, 'fault'],
          [false, 'answered'],
        ],
      );
      const retried = (await eventsOf(node, late)).filter(({ type }) => type === 'model_call.retried');
      assert.deepEqual(
        retried.map(({ data }) => [data['fault'], data['attempt']]),
        [
          ['unavailable', 1],
          ['unavailable', 2],
        ],
      );
      const [call] = await rows<{ is_batched: boolean }>('select is_batched from model_calls where job_id = $1', [
        late,
      ]);
      assert.equal(call?.is_batched, false);
    });

    test(`goes on after a batch that was refused, one that failed or expired, and one whose answer was lost: ${format}`, async (t) => {
      // Anthropic has no batch that fails as a whole.
      const whole = format === 'responses' ? { failed: 'The file is too long.' } : { expired: true };
      const batches = { delayMs: 100, faults: [{ status: 503 }, whole, { loseAnswer: true }] };
      const json = { ...(script([{ text: 'Here.', usage: USAGE }]) as object), batches };
      const { model, node, agent } = await start(t, json, { format });
      const id = await node.submit('go', { agent });
      assert.equal((await node.ended(id)).outcome?.text, 'Here.');
      assert.deepEqual(
        model.requests.map(({ result, batch }) => [result, batch !== undefined]),
        [
          ['abandoned', true],
          ['answered', true],
        ],
      );
    });
  }

  test('waits for a provider that is away, and hands each batch in once when it is back', async (t) => {
    const json = script([{ text: 'Back.', usage: USAGE }]);
    const gone = await startModel(t, json);
    await gone.stop();
    const node = await startLlmNode(t, gone, { databaseUrl, settings: { ...QUICK, KAZI_MODEL_BATCH_POLL_MS: '600' } });
    const ids: string[] = [];
    for (const format of ['responses', 'messages'] as const) {
      const agent = await addAgent(node, { name: `away-${format}`, modelCalls: 'batch', model: FORMATS[format].model });
      ids.push(await node.submit('go', { agent }));
    }
    await eventually('an attempt that failed for each', async () => {
      const tried = await rows(
        `select 1 from model_batches b join model_requests r on r.batch_id = b.id
         where r.job_id = any ($1) and b.node_id is null and b.provider_id is null and (b.refusals > 0 or b.attempted_at is not null)`,
        [ids],
      );
      return tried.length === 2;
    });
    const port = Number(new URL(gone.url).port);
    const back = await startScriptedModel({ script: parseScript(json), port });
    t.after(async () => await back.stop());
    for (const id of ids) assert.equal((await node.ended(id)).outcome?.text, 'Back.');
    assert.deepEqual(
      back.requests.map(({ batch, result }) => [batch !== undefined, result]),
      [
        [true, 'answered'],
        [true, 'answered'],
      ],
    );
  });

  test('has a conversation that is too long summarized in a batch as well', async (t) => {
    const { model, node, agent } = await start(t, {
      conversations: [
        { name: 'summary', when: { systemContains: 'You summarize' }, turns: [{ text: 'It was long.', usage: USAGE }] },
        {
          name: 'after',
          when: { contains: 'from where the summary leaves it' },
          turns: [{ text: 'Done.', usage: USAGE }],
        },
        { name: 'before', turns: [{ text: 'never', faults: [{ contextOverflow: true }] }] },
      ],
    });
    const id = await node.submit('a long story', { agent });
    const job = await node.ended(id);
    assert.deepEqual([job.error, job.outcome?.text, job.outcome?.costMicros], [null, 'Done.', 1_200]);
    assert.deepEqual(
      model.requests.map(({ conversation, batch }) => [conversation, batch !== undefined]),
      [
        ['before', true],
        ['summary', true],
        ['after', true],
      ],
    );
    assert.ok((await eventsOf(node, id)).some(({ type }) => type === 'context.compacted'));
  });

  for (const setting of ['batch', 'direct'] as const) {
    test(`that works on an item of a batch does as KAZI_BATCH_MODEL_CALLS says: ${setting}`, async (t) => {
      const settings = { KAZI_BATCH_MODEL_CALLS: setting };
      const { model, node } = await start(t, script([{ text: 'An item.' }]), { settings });
      const profileId = await createProfile(node.context, ADMIN, PROFILE);
      const draft = new BatchDraft(10);
      const content = [{ type: 'text', text: 'go' }] as const;
      draft.add(
        { profileId, inputs: [{ ...NOBODY, id: randomUUID(), role: 'user', content, otid: 'otid-1' }], maxSteps: 5 },
        5,
      );
      const { batch } = await createBatch(node.context, ADMIN, {
        ...{ draft, callbackUrl: null, idempotencyScope: null, hash: randomBytes(32), isRetry: false, itemFault: null },
        countRequest: async () => await Promise.resolve(),
      });
      await eventually('a finished batch', async () => {
        const [row] = await rows<{ state: string }>('select state from jobs where batch_num = $1', [batch.num]);
        return row?.state === 'complete';
      });
      // Other agents call their models as they say themselves: directly.
      await node.ended(await node.submit('go', { agent: 'default' }));
      assert.deepEqual(
        model.requests.map((request) => [request.batch !== undefined, request.isStream]),
        [
          [setting === 'batch', setting === 'direct'],
          [false, true],
        ],
      );
    });
  }
});
