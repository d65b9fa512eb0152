import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { claimJobs } from '../../src/storage/jobs.ts';
import { acceptJobs } from '../../src/storage/submissions.ts';
import { ensureLane, ensureTenant } from '../../src/storage/tenants.ts';
import { workspaceOf } from '../../src/workspaces/workspace.ts';
import { createTestDatabase } from '../support/database.ts';
import { makeSubmission } from '../support/factories.ts';
import { makeDataDir, runResult, startTestNode } from '../support/node.ts';
import { rowsOf } from '../support/rows.ts';
import { eventually } from '../support/signals.ts';
import { startDatabaseProxy } from './tcp-proxy.ts';

const untilAbort = async (signal: AbortSignal): Promise<void> => {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
};

/** Only a notification, or the timer of a delayed job, can wake a node that polls this seldom. */
const SELDOM = { KAZI_POLL_MS: '60000' };

describe('a node that stops', () => {
  test('sees its jobs to their end, claims no more, and gives up its lease', async (t) => {
    const { url } = await createTestDatabase(t);
    const gate = Promise.withResolvers<void>();
    const node = await startTestNode(t, {
      databaseUrl: url,
      run: async () => {
        await gate.promise;
        return runResult('in time');
      },
    });
    const id = await node.submit('x', { agent: 'default' });
    await node.running(id);
    const stopping = node.engine.stop();
    const late = await node.submit('late', { agent: 'default' });
    gate.resolve();
    await stopping;
    await node.engine.stop();
    const [job, waiting] = [await node.job(id), await node.job(late)];
    assert.deepEqual([job.state, job.outcome?.text], ['complete', 'in time']);
    assert.equal(waiting.state, 'queued');
    const alive = await rowsOf(url)('select from nodes where died_at is null');
    assert.equal(alive.length, 0);
  });

  test('hands back what does not end in time, and another node goes on after the finished steps', async (t) => {
    const { url } = await createTestDatabase(t);
    const dataDir = await makeDataDir(t);
    const first = await startTestNode(t, { databaseUrl: url, dataDir, settings: { KAZI_DRAIN_MS: '0' } });
    const id = await first.submit(
      '```sh\necho first >> log.txt\n```\n```sh\nls mark || sleep 600; echo second >> log.txt; cat log.txt\n```',
    );
    await eventually(
      'the second step',
      async () => (await first.events(id)).filter((type) => type === 'step.started').length === 2,
    );
    await first.engine.stop();
    assert.deepEqual((await first.events(id)).slice(-1), ['job.requeued']);
    assert.equal((await first.job(id)).state, 'queued');
    // The second attempt of the second step finds the mark and does not sleep.
    await writeFile(join(workspaceOf(dataDir, (await first.job(id)).sessionNum), 'mark'), '');
    const second = await startTestNode(t, { databaseUrl: url, dataDir });
    const job = await second.ended(id);
    assert.deepEqual([job.state, job.attempts], ['complete', 2]);
    assert.match(job.outcome?.text ?? '', /first\nsecond\n$/);
    assert.equal((await second.events(id)).filter((type) => type === 'step.finished').length, 2);
  });
});

describe('several nodes', () => {
  test('share the work, and each job runs on one of them', async (t) => {
    const { url } = await createTestDatabase(t);
    const ran: string[] = [];
    const all = Promise.withResolvers<void>();
    const makeNode = async () =>
      await startTestNode(t, {
        databaseUrl: url,
        settings: { KAZI_RUNNER_CONCURRENCY: '3' },
        run: async ({ job }) => {
          ran.push(job.id);
          if (ran.length === 6) all.resolve();
          // Three jobs fill a node: the rest can only start on the other one.
          await all.promise;
          return runResult('');
        },
      });
    const [first] = [await makeNode(), await makeNode()];
    const ids = await Promise.all(Array.from({ length: 6 }, async () => await first.submit('x', { agent: 'default' })));
    for (const id of ids) assert.equal((await first.ended(id)).state, 'complete');
    assert.deepEqual(ran.toSorted(), ids.toSorted());
    const nodes = await rowsOf(url)('select distinct id from nodes');
    assert.equal(nodes.length, 2);
  });

  test('a job handed in at an api node is started by a runner through the notification alone', async (t) => {
    const { url } = await createTestDatabase(t);
    const api = await startTestNode(t, { databaseUrl: url, settings: { KAZI_ROLE: 'api', ...SELDOM } });
    assert.throws(() => api.engine, /no engine/);
    const early = await api.submit('early', { agent: 'echo' });
    assert.equal((await api.job(early)).state, 'queued');
    const runner = await startTestNode(t, { databaseUrl: url, settings: { KAZI_ROLE: 'runner', ...SELDOM } });
    assert.equal((await runner.ended(early)).state, 'complete');
    for (let round = 0; round < 10; round += 1) {
      const job = await api.ended(await api.submit(`round ${round}`, { agent: 'echo' }));
      assert.equal(job.state, 'complete');
    }
    const delayed = await api.submit('soon', { agent: 'echo', scheduleAt: new Date(Date.now() + 200) });
    assert.equal((await api.ended(delayed)).state, 'complete');
  });

  test('nobody is told, and polling finds the job', async (t) => {
    const { url } = await createTestDatabase(t);
    const node = await startTestNode(t, { databaseUrl: url, settings: { KAZI_POLL_MS: '50' } });
    const { db } = node.context;
    await ensureTenant(db, 'quiet', null);
    const laneId = await ensureLane(db, { tenantId: 'quiet', agent: 'echo', maxRunning: null });
    const submission = makeSubmission({ tenantId: 'quiet', laneId });
    await acceptJobs(db, [submission]);
    assert.equal((await node.ended(submission.id)).state, 'complete');
  });

  test('two that look at the same moment do not leave a job to the next poll', async (t) => {
    const { url } = await createTestDatabase(t);
    const started = new Map<string, PromiseWithResolvers<void>>();
    const run = async ({ job }: { job: { id: string } }) => {
      await started.get(job.id)?.promise;
      return runResult('');
    };
    const settings = { ...SELDOM, KAZI_RUNNER_CONCURRENCY: '2' };
    const [first, second] = [
      await startTestNode(t, { databaseUrl: url, settings, run }),
      await startTestNode(t, { databaseUrl: url, settings, run }),
    ];
    for (let round = 0; round < 15; round += 1) {
      // Four jobs of one tenant for four slots on two nodes: whoever loses the race for the tenant has to look again.
      const ids = await Promise.all(
        [first, second, first, second].map(async (node) => await node.submit(randomUUID(), { agent: 'default' })),
      );
      await Promise.all(ids.map(async (id) => await first.ended(id)));
    }
    assert.equal(first.engine.running + second.engine.running, 0);
  });
});

describe('a claim', () => {
  test('that finds its tenant in the hands of another claim looks again soon', async (t) => {
    const { url } = await createTestDatabase(t);
    const node = await startTestNode(t, { databaseUrl: url, settings: SELDOM });
    await node.ended(await node.submit('awake', { agent: 'echo' }));
    const other = new pg.Client({ connectionString: url });
    await other.connect();
    await other.query('begin');
    await other.query('select from tenants for no key update');
    const id = await node.submit('x', { agent: 'echo' });
    // Its hint was answered with an empty claim when the node has no look under way and the job still waits.
    const looks = rowsOf(url);
    await eventually('the node has looked in vain', async () => {
      const [row] = await looks<{ calls: string }>(
        `select count(*) as calls from pg_stat_activity
         where datname = current_database() and query like '%claim_jobs%' and state = 'idle' and state_change > (
           select created_at from jobs where id = $1)`,
        [id],
      );
      return Number(row?.calls) > 0;
    });
    assert.equal((await node.job(id)).state, 'queued');
    await other.query('rollback');
    await other.end();
    assert.equal((await node.ended(id)).state, 'complete');
  });

  test('whose answer never arrives is given back, and its job runs', async (t) => {
    const { url } = await createTestDatabase(t);
    const gate = Promise.withResolvers<void>();
    const node = await startTestNode(t, {
      databaseUrl: url,
      settings: { KAZI_RUNNER_CONCURRENCY: '1' },
      run: async () => {
        await gate.promise;
        return runResult('');
      },
    });
    // A full node claims nothing itself, so the next claim in its name is ours, and it does not learn of it.
    await node.running(await node.submit('in the way', { agent: 'default' }));
    const id = await node.submit('x', { agent: 'echo' });
    const { nodeId } = node.engine;
    assert.ok(nodeId !== undefined);
    const { jobs } = await claimJobs(node.context.db, {
      nodeId,
      slots: 10,
      afterLane: 0,
      hintedLanes: [],
      tenantCap: 50,
      windowLanes: 64,
    });
    assert.deepEqual(
      jobs.map((job) => job.id),
      [id],
    );
    gate.resolve();
    const job = await node.ended(id);
    assert.deepEqual([job.state, job.attempts], ['complete', 2]);
  });
});

test('a node that is full says that it claims: it looks, and has no slot', async (t) => {
  const { url } = await createTestDatabase(t);
  // With so short a poll, a second without a look means that the node hangs.
  const settings = { KAZI_RUNNER_CONCURRENCY: '1', KAZI_POLL_MS: '10' };
  const node = await startTestNode(t, {
    databaseUrl: url,
    settings,
    run: async ({ signal }) => {
      await Promise.race([delay(1_300), untilAbort(signal)]);
      return runResult(String(node.engine.isClaiming));
    },
  });
  assert.equal((await node.ended(await node.submit('x', { agent: 'default' }))).outcome?.text, 'true');
});

test('a node that is cut off from the database stops its runs when its lease ends, and writes nothing more about them', async (t) => {
  const { url } = await createTestDatabase(t);
  const proxy = await startDatabaseProxy(t, url);
  const stopped = Promise.withResolvers<void>();
  const cut = await startTestNode(t, {
    databaseUrl: proxy.url,
    settings: { KAZI_LEASE_MS: '1000', KAZI_DRAIN_MS: '0' },
    run: async (context) => {
      await untilAbort(context.signal);
      context.emitOutput({ step: 1, stream: 'stdout', text: 'too late' });
      stopped.resolve();
      return runResult('from the node that was cut off');
    },
  });
  const id = await cut.submit('x', { agent: 'default' });
  await cut.running(id);
  proxy.silence();
  // Its connections are open and quiet: only its own clock can tell it that the lease has ended.
  await stopped.promise;
  const other = await startTestNode(t, {
    databaseUrl: url,
    run: async () => await Promise.resolve(runResult('from the other node')),
  });
  const job = await other.ended(id);
  assert.deepEqual([job.state, job.outcome?.text, job.attempts], ['complete', 'from the other node', 2]);
  const before = await other.events(id);
  proxy.resume();
  await eventually(
    'the node is back under a new id',
    () => cut.engine.nodeId !== undefined && cut.engine.running === 0,
  );
  assert.deepEqual(await other.events(id), before);
  assert.ok(!before.includes('output.written'));
});
