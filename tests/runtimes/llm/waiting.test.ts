import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { cancelJob } from '../../../src/actions/cancel-job.ts';
import { decideApproval } from '../../../src/actions/decide-approval.ts';
import { NO_APPROVALS } from '../../../src/core/approval.ts';
import { listJobMessages } from '../../../src/storage/messages.ts';
import { createTestDatabase } from '../../support/database.ts';
import { ADMIN, makeDataDir, type TestNode } from '../../support/node.ts';
import { rowsOf } from '../../support/rows.ts';
import { eventually } from '../../support/signals.ts';
import { addAgent, bodyOf, eventsOf, script, startLlmNode, startModel } from './llm-node.ts';

const ASKING = { ...NO_APPROVALS, tools: { bash: 'ask' } } as const;
const TWO_STEPS = script([
  { text: 'I clean up.', toolCalls: [{ name: 'bash', input: { command: 'echo cleaned >> log.txt; cat log.txt' } }] },
  { text: 'Done.' },
]);

describe('a job that waits for a person', async () => {
  const { url: databaseUrl } = await createTestDatabase();
  const rows = rowsOf(databaseUrl);
  const pending = async (jobId: string): Promise<string> =>
    await eventually('a parked job with a pending approval', async () => {
      const [row] = await rows<{ id: string }>(
        `select a.id from approvals a join jobs j on j.id = a.job_id
         where a.job_id = $1 and a.state = 'pending' and j.state = 'queued' and j.lease_id is null`,
        [jobId],
      );
      return row?.id;
    });
  const decide = async (node: TestNode, id: string, state: 'allowed' | 'denied', message: string): Promise<void> => {
    await decideApproval(node.context, ADMIN, { id, namedSessionId: null }, { state, message });
  };

  test('holds no process, survives a restart, and runs the tool once it is allowed', async (t) => {
    const model = await startModel(t, TWO_STEPS);
    const dataDir = await makeDataDir(t);
    const first = await startLlmNode(t, model, { databaseUrl, dataDir });
    const agent = await addAgent(first, { name: 'careful', approvals: ASKING });
    const id = await first.submit('clean up', { agent });
    const approval = await pending(id);
    assert.equal(first.engine.running, 0);
    await first.stop();
    const second = await startLlmNode(t, model, { databaseUrl, dataDir });
    await decide(second, approval, 'allowed', 'but only once');
    const job = await second.ended(id);
    assert.deepEqual([job.error, job.outcome?.text], [null, 'Done.']);
    assert.equal(model.requests.length, 2, 'the first model call was not asked again');
    assert.match(bodyOf(model, 1), /cleaned.*but only once/s);
    const types = (await eventsOf(second, id)).map(({ type }) => type);
    for (const type of ['approval.requested', 'approval.decided'] as const) assert.ok(types.includes(type), type);
  });

  test('tells the model of a denial and why', async (t) => {
    const model = await startModel(t, TWO_STEPS);
    const node = await startLlmNode(t, model, { databaseUrl });
    const agent = await addAgent(node, { name: 'careful', approvals: ASKING });
    const id = await node.submit('clean up', { agent });
    await decide(node, await pending(id), 'denied', 'not on a Friday');
    assert.equal((await node.ended(id)).error, null);
    assert.match(bodyOf(model, 1), /A person denied this\. They wrote: not on a Friday/);
  });

  for (const [onExpiry, seen] of [
    ['deny', /Nobody decided in time/],
    ['allow', /cleaned/],
  ] as const) {
    test(`takes the default when nobody decides in time: ${onExpiry}`, async (t) => {
      const model = await startModel(t, TWO_STEPS);
      const node = await startLlmNode(t, model, { databaseUrl });
      const approvals = { ...ASKING, expiresMs: 300, onExpiry };
      const agent = await addAgent(node, { name: `hasty-${onExpiry}`, approvals });
      assert.equal((await node.ended(await node.submit('clean up', { agent }))).error, null);
      assert.match(bodyOf(model, 1), seen);
    });
  }

  test('never offers a tool that the agent may not use', async (t) => {
    const model = await startModel(t, TWO_STEPS);
    const node = await startLlmNode(t, model, { databaseUrl });
    const approvals = { ...NO_APPROVALS, tools: { bash: 'deny' } } as const;
    const agent = await addAgent(node, { name: 'tame', approvals });
    assert.equal((await node.ended(await node.submit('clean up', { agent }))).error, null);
    assert.match(bodyOf(model, 1), /There is no tool .*bash/);
  });

  test('asks what the model wants to have confirmed', async (t) => {
    const model = await startModel(
      t,
      script([{ toolCalls: [{ name: 'ask', input: { question: 'Delete all of it?' } }] }, { text: 'As you say.' }]),
    );
    const node = await startLlmNode(t, model, { databaseUrl });
    const id = await node.submit('clean up', { agent: 'default' });
    const approval = await pending(id);
    const [row] = await rows<{ kind: string; input: unknown }>(`select kind, input from approvals where id = $1`, [
      approval,
    ]);
    assert.deepEqual(row, { kind: 'question', input: { question: 'Delete all of it?' } });
    await decide(node, approval, 'allowed', 'but keep the log');
    assert.equal((await node.ended(id)).outcome?.text, 'As you say.');
    assert.match(bodyOf(model, 1), /A person said yes.*but keep the log/s);
  });

  test('goes with its request when it is canceled', async (t) => {
    const model = await startModel(t, TWO_STEPS);
    const node = await startLlmNode(t, model, { databaseUrl });
    const agent = await addAgent(node, { name: 'careful', approvals: ASKING });
    const id = await node.submit('clean up', { agent });
    const approval = await pending(id);
    await cancelJob(node.context, ADMIN, { jobId: id, namedSessionId: null });
    assert.equal((await node.ended(id)).state, 'canceled');
    const [row] = await rows<{ state: string }>(`select state from approvals where id = $1`, [approval]);
    assert.equal(row?.state, 'canceled');
  });
});

describe('a job that waits for others', async () => {
  const { url: databaseUrl } = await createTestDatabase();
  const rows = rowsOf(databaseUrl);
  const FAMILY = {
    conversations: [
      {
        name: 'parent',
        when: { contains: 'share the work' },
        turns: [
          {
            toolCalls: [
              { name: 'spawn', input: { work: 'part A' } },
              { name: 'spawn', input: { work: 'echo part B', agent: 'shell' } },
              { name: 'spawn', input: { work: 'part C', agent: 'nobody' } },
            ],
          },
          { text: 'All parts are there.' },
        ],
      },
      {
        name: 'child',
        when: { contains: 'part A' },
        turns: [{ toolCalls: [{ name: 'write', input: { path: 'a.txt', content: 'A' } }] }, { text: 'A is done.' }],
      },
    ],
  };

  test('spawns them at once, holds no slot meanwhile, and reads their answers', async (t) => {
    const model = await startModel(t, FAMILY);
    // One slot: a parent that held it would wait for ever.
    const node = await startLlmNode(t, model, { databaseUrl, settings: { KAZI_RUNNER_CONCURRENCY: '1' } });
    const id = await node.submit('share the work', { agent: 'default' });
    const job = await node.ended(id);
    assert.deepEqual([job.error, job.outcome?.text], [null, 'All parts are there.']);
    const last = model.requests.findLastIndex(({ conversation }) => conversation === 'parent');
    assert.match(bodyOf(model, last), /A is done\..*a\.txt.*part B.*Unknown agent type/s);
    const children = await rows<{ depth: number; root_job: string; held: string }>(
      `select depth, root_job, held_micros as held from job_budgets where parent_job = $1`,
      [id],
    );
    assert.deepEqual(
      children.map(({ depth, root_job, held }) => [depth, root_job, Number(held)]),
      [
        [1, id, 0],
        [1, id, 0],
      ],
    );
    assert.equal(model.requests.filter(({ conversation }) => conversation === 'parent').length, 2);
  });

  test('takes what it spawned along when it is canceled', async (t) => {
    const model = await startModel(t, {
      conversations: [
        {
          name: 'parent',
          when: { contains: 'share the work' },
          turns: [{ toolCalls: [{ name: 'spawn', input: { work: 'sleep 600', agent: 'shell' } }] }, { text: 'never' }],
        },
      ],
    });
    const node = await startLlmNode(t, model, { databaseUrl });
    const id = await node.submit('share the work', { agent: 'default' });
    const child = await eventually('a running child of a parked job', async () => {
      const [row] = await rows<{ id: string }>(
        `select c.id from job_budgets b join jobs c on c.id = b.job_id join jobs p on p.id = b.parent_job
         where p.id = $1 and c.state = 'running' and p.state = 'queued'`,
        [id],
      );
      return row?.id;
    });
    await cancelJob(node.context, ADMIN, { jobId: id, namedSessionId: null });
    assert.equal((await node.ended(id)).state, 'canceled');
    assert.equal((await node.ended(child)).state, 'canceled');
  });

  test('hands in work for its own session, once', async (t) => {
    const model = await startModel(t, {
      conversations: [
        {
          name: 'now',
          when: { contains: 'plan ahead' },
          turns: [
            { toolCalls: [{ name: 'schedule', input: { work: 'look again', after_seconds: 1 } }] },
            { text: 'Planned.' },
          ],
        },
        { name: 'later', when: { contains: 'look again' }, turns: [{ text: 'I looked.' }] },
      ],
    });
    const node = await startLlmNode(t, model, { databaseUrl });
    const id = await node.submit('plan ahead', { agent: 'default', sessionId: 'planner' });
    assert.equal((await node.ended(id)).outcome?.text, 'Planned.');
    const scheduled = (await eventsOf(node, id)).find(({ data }) => data['scheduled_job'] !== undefined);
    const later = await node.ended(String(scheduled?.data['scheduled_job']));
    assert.deepEqual([later.sessionId, later.outcome?.text], ['planner', 'I looked.']);
    const said = await listJobMessages(node.context.db, later.id);
    assert.deepEqual(said[0]?.content, [{ type: 'text', text: 'look again' }]);
  });
});
