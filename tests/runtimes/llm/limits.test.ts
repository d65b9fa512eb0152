import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AGENT_DEFAULTS, type AgentLimits } from '../../../src/core/agent.ts';
import type { Job } from '../../../src/core/job.ts';
import { createTestDatabase } from '../../support/database.ts';
import { rowsOf } from '../../support/rows.ts';
import { addAgent, eventsOf, FORMATS, script, startLlmNode, startModel } from './llm-node.ts';

/** A model that never comes to an end by itself; each call costs 360 micro-dollars. */
const RUNAWAY = script(
  [
    {
      text: 'Once more.',
      toolCalls: [{ name: 'list', input: {} }],
      usage: { inputTokens: 1_000, cacheReadTokens: 400, outputTokens: 50 },
    },
  ],
  { repeatLast: true },
);
const PER_CALL = FORMATS.responses.microsPerCall;

const limits = (parts: Partial<AgentLimits>): AgentLimits => ({
  ...AGENT_DEFAULTS.limits,
  budget: 'unlimited',
  maxOutputTokens: 100,
  ...parts,
});

const assertStopped = (job: Job, error: RegExp): void => {
  assert.equal(job.state, 'failed');
  assert.match(job.error ?? '', error);
  assert.deepEqual([job.outcome?.subtype, job.outcome?.isError], ['budget_exceeded', true]);
  assert.equal(job.outcome?.text, 'Once more.', 'what it had is kept');
};

describe('a runaway loop is stopped', async () => {
  const { url: databaseUrl } = await createTestDatabase();
  const rows = rowsOf(databaseUrl);
  const setLimit = async (kind: string, id: string, micros: number): Promise<void> => {
    await rows(
      `insert into accounts (tenant_id, kind, id, max_cost_micros) values ('default', $1, $2, $3)
       on conflict (tenant_id, kind, id) do update set max_cost_micros = excluded.max_cost_micros`,
      [kind, id, micros],
    );
  };

  test('by the number of model calls', async (t) => {
    const model = await startModel(t, RUNAWAY);
    const node = await startLlmNode(t, model, { databaseUrl });
    const agent = await addAgent(node, { name: 'counted', limits: limits({ maxModelCalls: 3 }) });
    const id = await node.submit('go', { agent });
    assertStopped(await node.ended(id), /^Budget exceeded \(unlimited: 3 model calls\)$/);
    assert.equal(model.requests.length, 3);
    const [event] = (await eventsOf(node, id)).filter(({ type }) => type === 'budget.exceeded');
    assert.deepEqual([event?.data['scope'], event?.data['measure'], event?.data['limit']], ['job', 'model_calls', 3]);
  });

  test('by its cost, with the next call in mind', async (t) => {
    const model = await startModel(t, RUNAWAY);
    const node = await startLlmNode(t, model, { databaseUrl });
    const agent = await addAgent(node, { name: 'costly', limits: limits({ maxCostMicros: 5 * PER_CALL }) });
    const job = await node.ended(await node.submit('go', { agent }));
    assertStopped(job, /^Budget exceeded \(unlimited: 0\.0018 USD\)$/);
    assert.ok(model.requests.length >= 1 && model.requests.length <= 5, `${model.requests.length} calls`);
    assert.equal(job.outcome?.costMicros, model.requests.length * PER_CALL);
  });

  test('by its working time, in the middle of a call', async (t) => {
    const model = await startModel(
      t,
      script([
        { text: 'Once more.', toolCalls: [{ name: 'list', input: {} }] },
        { text: 'Something that takes far too long to say', tokenDelayMs: 600, chunkCharacters: 4 },
      ]),
    );
    const node = await startLlmNode(t, model, { databaseUrl });
    const agent = await addAgent(node, { name: 'slow', limits: limits({ maxRunMs: 1_500 }) });
    const id = await node.submit('go', { agent });
    const job = await node.ended(id);
    assert.equal(job.error, 'Budget exceeded (unlimited: 1.5 s)');
    assert.match(job.outcome?.text ?? '', /^Some/, 'what it had said by then is kept');
    assert.equal(job.outcome?.costMicros, null, 'what the provider charges for half an answer is not known');
    const types = (await eventsOf(node, id)).map(({ type }) => type);
    assert.equal(types.includes('message.delta'), false);
    assert.deepEqual(types.slice(-3), ['message.created', 'budget.exceeded', 'job.failed']);
  });

  test('by the budget of its session, which goes on when that is raised', async (t) => {
    const model = await startModel(t, RUNAWAY);
    const node = await startLlmNode(t, model, { databaseUrl });
    await setLimit('session', 'thrifty', 5 * PER_CALL);
    const agent = await addAgent(node, { name: 'free', limits: limits({}) });
    const first = await node.ended(await node.submit('go', { agent, sessionId: 'thrifty' }));
    assertStopped(first, /^Session estimated cost budget exceeded \(0\.0018 USD\)$/);
    const asked = model.requests.length;
    await setLimit('session', 'thrifty', 12 * PER_CALL);
    const second = await node.ended(await node.submit('go on', { agent, sessionId: 'thrifty' }));
    assertStopped(second, /^Session estimated cost budget exceeded \(0\.00432 USD\)$/);
    assert.ok(model.requests.length > asked);
    const [account] = await rows<{ spent: string; held: string }>(
      `select spent_micros as spent, held_micros as held from accounts where kind = 'session' and id = 'thrifty'`,
    );
    assert.deepEqual([Number(account?.spent), Number(account?.held)], [model.requests.length * PER_CALL, 0]);
  });

  test('by the spending limit of its tenant', async (t) => {
    const model = await startModel(t, RUNAWAY);
    const node = await startLlmNode(t, model, { databaseUrl });
    const agent = await addAgent(node, { name: 'free', limits: limits({}) });
    const [before] = await rows<{ spent: string }>(`select spent_micros as spent from accounts where kind = 'tenant'`);
    await setLimit('tenant', '', Number(before?.spent ?? 0) + 4 * PER_CALL);
    const job = await node.ended(await node.submit('go', { agent }));
    assertStopped(job, /^Tenant spend limit reached$/);
    assert.ok(model.requests.length <= 4);
    await setLimit('tenant', '', Number.MAX_SAFE_INTEGER);
  });

  test('by the job that spawned it, whose budget it shares', async (t) => {
    const model = await startModel(t, {
      conversations: [
        {
          name: 'parent',
          when: { contains: 'delegate' },
          turns: [
            {
              text: 'Once more.',
              toolCalls: [{ name: 'spawn', input: { work: 'run away', agent: 'free' } }],
              usage: { inputTokens: 1_000, cacheReadTokens: 400, outputTokens: 50 },
            },
          ],
          repeatLast: true,
        },
        {
          name: 'child',
          when: { contains: 'run away' },
          turns: [
            {
              text: 'Once more.',
              toolCalls: [{ name: 'list', input: {} }],
              usage: { inputTokens: 1_000, cacheReadTokens: 400, outputTokens: 50 },
            },
          ],
          repeatLast: true,
        },
      ],
    });
    const node = await startLlmNode(t, model, { databaseUrl });
    await addAgent(node, { name: 'free', limits: limits({}) });
    const agent = await addAgent(node, { name: 'boss', limits: limits({ maxCostMicros: 6 * PER_CALL }) });
    const id = await node.submit('delegate', { agent });
    const job = await node.ended(id);
    assertStopped(job, /^Budget exceeded \(unlimited: 0\.00216 USD\)$/);
    const [tree] = await rows<{ spent: string }>(
      `select sum(cost_micros) as spent from model_calls where root_job = $1`,
      [id],
    );
    assert.equal(Number(tree?.spent), model.requests.length * PER_CALL);
    assert.ok(Number(tree?.spent) <= 6 * PER_CALL, `${tree?.spent} spent`);
    const [child] = await rows<{ error: string }>(
      `select j.error from jobs j join job_budgets b on b.job_id = j.id where b.parent_job = $1`,
      [id],
    );
    assert.match(child?.error ?? '', /^Budget exceeded/);
  });
});

test('parallel jobs do not overspend the budget that they share', async (t) => {
  const { url: databaseUrl } = await createTestDatabase(t);
  const model = await startModel(t, RUNAWAY);
  const node = await startLlmNode(t, model, { databaseUrl });
  const rows = rowsOf(databaseUrl);
  const agent = await addAgent(node, { name: 'free', limits: limits({}) });
  await rows(
    `insert into accounts (tenant_id, kind, id, max_cost_micros) values ('default', 'tenant', '', $1)
     on conflict (tenant_id, kind, id) do update set max_cost_micros = excluded.max_cost_micros`,
    [40 * PER_CALL],
  );
  const ids = await Promise.all(Array.from({ length: 4 }, async () => await node.submit('go', { agent })));
  for (const id of ids) assertStopped(await node.ended(id), /^Tenant spend limit reached$/);
  const [account] = await rows<{ spent: string; held: string }>(
    `select spent_micros as spent, held_micros as held from accounts where kind = 'tenant'`,
  );
  assert.equal(Number(account?.spent), model.requests.length * PER_CALL);
  assert.equal(Number(account?.held), 0);
  assert.ok(Number(account?.spent) <= 40 * PER_CALL, `${account?.spent} micro-dollars spent`);
});
