import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { KaziError } from '../../src/core/errors.ts';
import { listArtifacts } from '../../src/storage/artifacts.ts';
import { listJobMessages } from '../../src/storage/messages.ts';
import { listSteps } from '../../src/storage/steps.ts';
import { createTestDatabase } from '../support/database.ts';
import { runResult, startTestNode } from '../support/node.ts';
import { IN_A_REAL_SANDBOX } from '../support/real-sandbox.ts';
import { rowsOf } from '../support/rows.ts';

/** A node on a database of its own. */
const start = async (
  t: Parameters<typeof startTestNode>[0],
  options: Partial<Parameters<typeof startTestNode>[1]> = {},
) => {
  const { url } = await createTestDatabase(t);
  return await startTestNode(t, { databaseUrl: url, ...options });
};

describe('a job', () => {
  test('of the agent echo answers with its input', async (t) => {
    const node = await start(t);
    const job = await node.ended(await node.submit('hello 😀', { agent: 'echo' }));
    assert.deepEqual([job.state, job.error, job.outcome?.text, job.attempts], ['complete', null, 'hello 😀', 1]);
    assert.deepEqual(
      (await listJobMessages(node.context.db, job.id)).map((message) => [message.role, message.content]),
      ['user', 'assistant'].map((role) => [role, [{ type: 'text', text: 'hello 😀' }]]),
    );
    assert.deepEqual(await node.events(job.id), [
      'job.submitted',
      'job.started',
      'step.finished',
      'message.created',
      'job.completed',
    ]);
  });

  test('of the agent shell runs its blocks as steps in one workspace, and publishes the files it made', async (t) => {
    const node = await start(t);
    const script =
      '```sh\nmkdir -p out && echo one > out/a.txt\n```\nthen\n```sh\ncat out/a.txt; echo two > b.txt\n```';
    const job = await node.ended(await node.submit(script));
    assert.deepEqual([job.state, job.outcome?.text], ['complete', 'one\n']);
    const steps = await listSteps(node.context.db, job.id);
    assert.deepEqual(
      steps.map((step) => [step.ordinal, step.state]),
      [
        [1, 'finished'],
        [2, 'finished'],
      ],
    );
    const artifacts = await listArtifacts(node.context.db, job.id);
    assert.deepEqual(
      artifacts.map((artifact) => [artifact.path, artifact.sizeBytes]),
      [
        ['b.txt', 4],
        ['out/a.txt', 4],
      ],
    );
    const [first] = artifacts;
    assert.ok(first);
    const kept = await rowsOf(node.context.db.url)('select from blobs where sha256 = $1', [first.sha256]);
    assert.equal(kept.length, 1);
  });

  test('of one session finds the files of the job before it', async (t) => {
    const node = await start(t);
    await node.ended(await node.submit('echo kept > file.txt', { sessionId: 'same' }));
    const job = await node.ended(await node.submit('cat file.txt', { sessionId: 'same' }));
    assert.equal(job.outcome?.text, 'kept\n');
    assert.deepEqual(await listArtifacts(node.context.db, job.id), []);
  });

  test('fails at its first failing step, with the exit code and the last words', async (t) => {
    const node = await start(t);
    const job = await node.ended(
      await node.submit('```sh\necho out; echo wrong >&2; exit 3\n```\n```sh\ntouch never\n```'),
    );
    assert.deepEqual([job.state, job.error], ['failed', 'The script ended with exit code 3\nwrong']);
    assert.equal(job.outcome?.text, 'out\n');
    assert.equal((await listSteps(node.context.db, job.id)).length, 1);
    assert.ok((await node.events(job.id)).includes('step.failed'));
  });

  test('of an agent that needs a model fails with what to set when there is none', async (t) => {
    const node = await start(t);
    const job = await node.ended(await node.submit('think', { agent: 'default' }));
    assert.equal(job.state, 'failed');
    assert.match(job.error ?? '', /No model is configured\. Set KAZI_MODEL/);
  });

  test('that runs out of time is ended, and keeps what it had said', IN_A_REAL_SANDBOX, async (t) => {
    const node = await start(t, { settings: { KAZI_JOB_TIMEOUT_MS: '1000' } });
    const job = await node.ended(await node.submit('echo early; sleep 600'));
    assert.deepEqual([job.state, job.error], ['failed', 'Job timed out after 1 seconds']);
    assert.equal(job.outcome?.text, 'early\n');
  });

  test('for later starts when it is due, not before', async (t) => {
    // Only the timer of the head that falls due can explain the start: nobody polls for a minute.
    const node = await start(t, { settings: { KAZI_POLL_MS: '60000' } });
    const scheduleAt = new Date(Date.now() + 400);
    const job = await node.ended(await node.submit('later', { agent: 'echo', scheduleAt }));
    assert.equal(job.state, 'complete');
    assert.ok(job.startedAt && job.startedAt >= scheduleAt, `started at ${job.startedAt?.toISOString()}`);
  });

  test('with a higher priority is started before those that wait', async (t) => {
    const order: string[] = [];
    const gate = Promise.withResolvers<void>();
    const node = await start(t, {
      settings: { KAZI_RUNNER_CONCURRENCY: '1' },
      run: async ({ job }) => {
        order.push(job.question);
        if (job.question === 'first') await gate.promise;
        return runResult('');
      },
    });
    const first = await node.submit('first', { agent: 'default' });
    await node.running(first);
    const ids = [first];
    for (const [question, priority] of [
      ['low', -1],
      ['usual', 0],
      ['high', 7],
    ] as const) {
      ids.push(await node.submit(question, { agent: 'default', priority }));
    }
    gate.resolve();
    for (const id of ids) await node.ended(id);
    assert.deepEqual(order, ['first', 'high', 'usual', 'low']);
  });
});

describe('a run that fails inside kazi', () => {
  test('is tried again when the error says so, and finds the steps that it had finished', async (t) => {
    const seen: (readonly [number, number])[] = [];
    const node = await start(t, {
      run: async (context) => {
        const { job, journal } = context;
        seen.push([job.attempts, journal.size]);
        if (job.attempts > 1) return runResult('in the end');
        const step = { ordinal: 1, kind: 'tool', name: 'once', state: 'finished', input: null, output: 1 } as const;
        await context.write([{ type: 'step.finished', data: { ordinal: 1 }, step }]);
        throw new KaziError('SANDBOX_UNAVAILABLE', { reason: 'full' });
      },
    });
    const job = await node.ended(await node.submit('x', { agent: 'default' }));
    assert.deepEqual([job.state, job.outcome?.text, job.attempts], ['complete', 'in the end', 2]);
    assert.deepEqual(seen, [
      [1, 0],
      [2, 1],
    ]);
    assert.ok((await node.events(job.id)).includes('job.requeued'));
  });

  test('is given up after the last attempt, with the error', async (t) => {
    const node = await start(t, {
      settings: { KAZI_MAX_ATTEMPTS: '2' },
      run: async () => await Promise.reject(new KaziError('SANDBOX_UNAVAILABLE', { reason: 'full' })),
    });
    const job = await node.ended(await node.submit('x', { agent: 'default' }));
    assert.deepEqual([job.state, job.error, job.attempts], ['failed', 'The sandbox could not be started: full', 2]);
  });

  test('is not tried again for a defect, whose text stays in the log', async (t) => {
    const node = await start(t, { run: async () => await Promise.reject(new TypeError('secret of kazi')) });
    const job = await node.ended(await node.submit('x', { agent: 'default' }));
    assert.deepEqual(
      [job.state, job.error, job.attempts],
      ['failed', 'The run failed inside kazi; the server log has the cause.', 1],
    );
    const kept = await rowsOf(node.context.db.url)(
      `select from events where data::text like '%secret of kazi%' union all select from messages where content::text like '%secret of kazi%'`,
    );
    assert.equal(kept.length, 0);
  });

  test('whose end cannot be written does not go round for ever', async (t) => {
    const node = await start(t, {
      settings: { KAZI_MAX_ATTEMPTS: '2' },
      run: async () => {
        const step = {
          ordinal: 0,
          kind: 'tool',
          name: 'refused by the table',
          state: 'finished',
          input: 1,
          output: 1,
        } as const;
        return await Promise.resolve({ ...runResult(''), events: [{ type: 'step.finished', step }] as const });
      },
    });
    const job = await node.ended(await node.submit('x', { agent: 'default' }));
    assert.deepEqual(
      [job.state, job.error, job.attempts],
      ['failed', 'The run failed inside kazi; the server log has the cause.', 2],
    );
  });
});
