import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { cancelJob } from '../../src/actions/cancel-job.ts';
import { cancelJob as cancelStoredJob } from '../../src/storage/jobs.ts';
import { createTestDatabase } from '../support/database.ts';
import { ADMIN, runResult, startTestNode } from '../support/node.ts';
import { IN_A_REAL_SANDBOX } from '../support/real-sandbox.ts';
import { rowsOf } from '../support/rows.ts';
import { eventually } from '../support/signals.ts';

describe('cancel', () => {
  test('of a queued job: it never runs, and the next of its session does', async (t) => {
    const { url } = await createTestDatabase(t);
    const started: string[] = [];
    const gate = Promise.withResolvers<void>();
    const node = await startTestNode(t, {
      databaseUrl: url,
      run: async ({ job }) => {
        started.push(job.question);
        if (job.question === 'one') await gate.promise;
        return runResult(job.question);
      },
    });
    const submit = async (question: string) => await node.submit(question, { agent: 'default', sessionId: 's' });
    const [one, two, three] = [await submit('one'), await submit('two'), await submit('three')];
    await node.running(one);
    await cancelJob(node.context, ADMIN, { jobId: two, namedSessionId: null });
    gate.resolve();
    assert.equal((await node.ended(one)).state, 'complete');
    assert.equal((await node.ended(three)).state, 'complete');
    const canceled = await node.job(two);
    assert.deepEqual([canceled.state, canceled.startedAt, canceled.isHeld], ['canceled', null, false]);
    assert.deepEqual(started, ['one', 'three']);
  });

  test(
    'of a running job kills what it runs, keeps what it said, and then frees its session',
    IN_A_REAL_SANDBOX,
    async (t) => {
      const { url } = await createTestDatabase(t);
      const node = await startTestNode(t, { databaseUrl: url });
      const id = await node.submit('echo partial; touch made.txt; sleep 600; touch never.txt', { sessionId: 's' });
      const next = await node.submit('ls; ps -ef 2>/dev/null | grep -c "[s]leep 600" || true', { sessionId: 's' });
      await eventually('the first words of the job', async () => (await node.events(id)).includes('output.written'));
      await cancelJob(node.context, ADMIN, { jobId: id, namedSessionId: null });
      const job = await node.ended(id);
      assert.deepEqual(
        [job.state, job.error, job.outcome?.subtype, job.outcome?.text],
        ['canceled', null, 'cancelled', 'partial\n'],
      );
      assert.deepEqual((await node.events(id)).slice(-1), ['job.stopped']);
      const after = await node.ended(next);
      assert.deepEqual([after.state, after.outcome?.text?.split('\n')[0]], ['complete', 'made.txt']);
      // The next job of the session was started only when the canceled one had been let go.
      const order = await rowsOf(url)<{ type: string }>(
        `select type from events where type in ('job.started', 'job.stopped') order by seq`,
      );
      assert.deepEqual(
        order.map((row) => row.type),
        ['job.started', 'job.stopped', 'job.started'],
      );
    },
  );

  test('sticks although its runtime says that it is complete', async (t) => {
    const { url } = await createTestDatabase(t);
    const node = await startTestNode(t, {
      databaseUrl: url,
      run: async ({ signal }) => {
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
        return runResult('done all the same');
      },
    });
    const id = await node.submit('x', { agent: 'default' });
    await node.running(id);
    await cancelJob(node.context, ADMIN, { jobId: id, namedSessionId: null });
    const job = await node.ended(id);
    assert.deepEqual([job.state, job.outcome?.text], ['canceled', 'done all the same']);
  });

  test('whose notification is lost is found by the node itself', async (t) => {
    const { url } = await createTestDatabase(t);
    const node = await startTestNode(t, { databaseUrl: url });
    const id = await node.submit('sleep 600');
    await node.running(id);
    await cancelStoredJob(node.context.db, id);
    assert.equal((await node.ended(id)).state, 'canceled');
  });
});
