import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { createJob } from '../../../src/actions/create-job.ts';
import { requestStop } from '../../../src/actions/request-stop.ts';
import type { ScriptedModel } from '../../../src/models/scripted/scripted-model.ts';
import { listSessionMessages } from '../../../src/storage/messages.ts';
import { createTestDatabase } from '../../support/database.ts';
import { ADMIN, makeDataDir, type TestNode } from '../../support/node.ts';
import { eventually } from '../../support/signals.ts';
import { bodyOf, eventsOf, script, startLlmNode, startModel } from './llm-node.ts';

/** The first tool waits for a file of the test, so that the test says when the next step comes. */
const WAITING = script([
  { text: 'I wait.', toolCalls: [{ name: 'bash', input: { command: 'until [ -e go ]; do sleep 0.02; done' } }] },
  { text: 'I go on.', toolCalls: [{ name: 'bash', input: { command: 'echo second > second.txt' } }] },
  { text: 'Done.' },
]);

describe('a run that is spoken to while it works', async () => {
  const { url: databaseUrl } = await createTestDatabase();

  /** A job whose first tool runs, with what lets it end. */
  const begin = async (
    node: TestNode,
    { dataDir, model }: { readonly dataDir: string; readonly model: ScriptedModel },
  ): Promise<{ readonly jobId: string; readonly sessionId: string; readonly go: () => Promise<void> }> => {
    const sessionId = randomUUID();
    const jobId = await node.submit('begin', { agent: 'default', sessionId });
    await eventually('the first tool', async () =>
      (await eventsOf(node, jobId)).some(({ type, data }) => type === 'step.started' && data['name'] === 'bash'),
    );
    assert.equal(model.requests.length, 1);
    const { sessionNum } = await node.job(jobId);
    const folder = join(dataDir, 'workspaces', String(sessionNum), 'files');
    // The step is told before its sandbox is there.
    await eventually('the workspace', () => existsSync(folder));
    return { jobId, sessionId, go: async () => await writeFile(join(folder, 'go'), '') };
  };
  const steer = async (node: TestNode, sessionId: string, question: string): Promise<[string, string]> => {
    const { response } = await createJob(node.context, ADMIN, {
      question,
      agent: null,
      session: { sessionId, sessionKey: null },
      scheduleAt: null,
      metadata: null,
      priority: 0,
      ifBusy: 'steer',
      request: {
        idempotencyScope: null,
        hash: Buffer.from(randomUUID()),
        isRetry: false,
        toResponse: (jobId, outcome) => `${jobId} ${outcome ?? ''}`,
      },
    });
    const [jobId = '', outcome = ''] = response.split(' ');
    return [jobId, outcome];
  };

  test('hears it before its next step, in the order in which it was said, and answers for it', async (t) => {
    const model = await startModel(t, WAITING);
    const dataDir = await makeDataDir(t);
    const node = await startLlmNode(t, model, { databaseUrl, dataDir });
    const { jobId, sessionId, go } = await begin(node, { dataDir, model });
    const [first, outcome] = await steer(node, sessionId, 'mind the gap');
    const [second] = await steer(node, sessionId, 'and the step');
    assert.equal(outcome, 'steered');
    await go();
    const job = await node.ended(jobId);
    assert.deepEqual([job.state, job.outcome?.text], ['complete', 'Done.']);
    assert.match(bodyOf(model, 1), /mind the gap.*and the step/s);
    for (const id of [first, second]) {
      const input = await node.ended(id);
      assert.deepEqual([input.state, input.attempts, input.outcome?.steeredJobId], ['complete', 0, jobId]);
    }
    const messages = await listSessionMessages(node.context.db, {
      sessionNum: job.sessionNum,
      afterSeq: 0,
      limit: 100,
    });
    const heard = messages.filter(({ role }) => role === 'user').map(({ content }) => JSON.stringify(content));
    assert.match(heard.join('\n'), /begin[\s\S]*mind the gap[\s\S]*and the step/);
  });

  test('hears it again, in the same place, when another node goes on with it', async (t) => {
    const model = await startModel(t, WAITING);
    const dataDir = await makeDataDir(t);
    const settings = { KAZI_DRAIN_MS: '0' };
    const node = await startLlmNode(t, model, { databaseUrl, dataDir, settings });
    const { jobId, sessionId, go } = await begin(node, { dataDir, model });
    await steer(node, sessionId, 'mind the gap');
    await go();
    await eventually('the second tool', async () =>
      (await eventsOf(node, jobId)).some(({ type, data }) => type === 'step.started' && data['ordinal'] === 4),
    );
    // Wherever it is now, the next attempt makes the same calls.
    await node.stop();
    const next = await startLlmNode(t, model, { databaseUrl, dataDir, settings });
    assert.equal((await next.ended(jobId)).state, 'complete');
    const last = JSON.parse(bodyOf(model, model.requests.length - 1)) as { readonly input: readonly unknown[] };
    const at = (text: RegExp): number => last.input.findIndex((item) => text.test(JSON.stringify(item)));
    assert.ok(at(/I wait/) < at(/mind the gap/) && at(/mind the gap/) < at(/I go on/), JSON.stringify(last.input));
    assert.equal(JSON.stringify(last).split('mind the gap').length, 2, 'once');
  });

  test('takes nothing after its last step: what comes then runs in its turn', async (t) => {
    const model = await startModel(t, {
      conversations: [
        { name: 'both', turns: [{ text: 'Slowly.', delayMs: 300 }, { text: 'In turn.' }], repeatLast: true },
      ],
    });
    const node = await startLlmNode(t, model, { databaseUrl });
    const sessionId = randomUUID();
    const jobId = await node.submit('begin', { agent: 'default', sessionId });
    await eventually('the call', () => model.requests.length === 1);
    const [later] = await steer(node, sessionId, 'one more thing');
    assert.equal((await node.ended(jobId)).state, 'complete');
    const job = await node.ended(later);
    assert.deepEqual([job.state, job.attempts], ['complete', 1]);
  });

  test('begins no further tool of the same answer when it is to stop gracefully', async (t) => {
    const [waits, writes] = [
      { name: 'bash', input: { command: 'until [ -e go ]; do sleep 0.02; done' } },
      { name: 'bash', input: { command: 'echo second > second.txt' } },
    ];
    const model = await startModel(t, script([{ text: 'Both.', toolCalls: [waits, writes] }, { text: 'Done.' }]));
    const dataDir = await makeDataDir(t);
    const node = await startLlmNode(t, model, { databaseUrl, dataDir });
    const { jobId, sessionId, go } = await begin(node, { dataDir, model });
    await requestStop(node.context, ADMIN, { sessionId, mode: 'graceful', reason: null });
    await go();
    assert.equal((await node.ended(jobId)).state, 'canceled');
    const started = (await eventsOf(node, jobId)).filter(({ type }) => type === 'step.started');
    assert.deepEqual(
      started.map(({ data }) => data['ordinal']),
      [2],
    );
  });

  test('ends after its step when it is to stop gracefully, and keeps what it had', async (t) => {
    const model = await startModel(t, WAITING);
    const dataDir = await makeDataDir(t);
    const node = await startLlmNode(t, model, { databaseUrl, dataDir });
    const { jobId, sessionId, go } = await begin(node, { dataDir, model });
    const answer = await requestStop(node.context, ADMIN, { sessionId, mode: 'graceful', reason: null });
    assert.equal(answer.outcome, 'requested');
    await go();
    const job = await node.ended(jobId);
    assert.deepEqual(
      [job.state, job.outcome?.subtype, job.outcome?.isError, job.outcome?.text],
      ['canceled', 'cancelled', false, 'I wait.'],
    );
    const finished = (await eventsOf(node, jobId)).filter(({ type }) => type === 'step.finished');
    assert.equal(finished.length, 2, 'the model call and the tool that was under way');
    assert.equal(model.requests.length, 1);
  });
});
