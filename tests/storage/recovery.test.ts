import assert from 'node:assert/strict';
import { after, beforeEach, describe, test } from 'node:test';
import pg from 'pg';
import { listHeldJobs, releaseJobs, rescueJobs, writeJournal } from '../../src/storage/held-jobs.ts';
import { cancelJob, getJob } from '../../src/storage/jobs.ts';
import { beatNode, retireNode } from '../../src/storage/nodes.ts';
import { createTestDatabase } from '../support/database.ts';
import {
  acceptJob,
  claim,
  claimOne,
  emptyQueues,
  makeLastEntry,
  makeNode,
  makeTenant,
  openDatabase,
} from '../support/factories.ts';
import { rowsOf } from '../support/rows.ts';
import { eventually } from '../support/signals.ts';
import { findQueueBreaches } from './invariants.ts';

const database = await createTestDatabase();
const db = openDatabase(database.url);
const rows = rowsOf(database.url);
beforeEach(async () => await emptyQueues(db, rows));
after(async () => await db.end());

const rescue = async (maxAttempts = 3) => await rescueJobs(db, { limit: 100, maxAttempts });

/** A claimed job of a tenant and a node of its own. */
const claimNew = async (leaseMs = 600_000) => {
  const tenant = await makeTenant(db);
  const accepted = await acceptJob(db, tenant);
  const nodeId = await makeNode(db, leaseMs);
  return { tenant, accepted, nodeId, job: await claimOne(db, { nodeId }) };
};

describe('rescue', () => {
  test('leaves the jobs of living nodes alone', async () => {
    const { job } = await claimNew();
    assert.deepEqual(await rescue(), { dead: [], released: 0, sessions: [], lanes: [] });
    assert.equal((await getJob(db, job.id))?.state, 'running');
  });

  test('declares a node dead whose lease has run out, and puts its jobs back', async () => {
    const { job, nodeId, accepted, tenant } = await claimNew(60);
    const result = await eventually('the lease runs out', async () => {
      const found = await rescue();
      return found.dead.length > 0 && found;
    });
    assert.deepEqual(result, { dead: [nodeId], released: 1, sessions: [accepted.sessionNum], lanes: [tenant.laneId] });
    assert.equal(await beatNode(db, nodeId, 60_000), false);
    assert.equal((await writeJournal(db, [makeLastEntry(job)]))[0]?.outcome, 'lost');
    const again = await claimOne(db, { nodeId: await makeNode(db) });
    assert.deepEqual([again.id, again.attempts], [job.id, 2]);
  });

  test('ends a job that is not tried again, and frees its session; a start that did not count does not end it', async () => {
    const tenant = await makeTenant(db);
    const accepted = await acceptJob(db, { ...tenant, maxAttempts: 1 });
    const nodeId = await makeNode(db);
    const spared = await claimOne(db, { nodeId });
    await releaseJobs(db, [{ jobId: spared.id, leaseId: spared.leaseId, delayMs: 0 }], 'drained');
    await claimOne(db, { nodeId });
    await retireNode(db, nodeId);
    assert.equal((await rescue()).released, 1);
    const job = await getJob(db, accepted.id);
    assert.deepEqual([job?.state, job?.error], ['failed', 'Job abandoned after 2 attempts']);
    const next = await acceptJob(db, { ...tenant, sessionId: accepted.sessionId, onlyIfIdle: true });
    assert.equal(next.readyLane, tenant.laneId);
  });

  test('takes what a retired node still holds at once', async () => {
    const { nodeId, job } = await claimNew();
    await retireNode(db, nodeId);
    const result = await rescue();
    assert.deepEqual([result.dead, result.released], [[], 1]);
    assert.equal((await getJob(db, job.id))?.state, 'queued');
  });

  test('fails a job whose nodes were lost too often, and goes on with the next of its session', async () => {
    const { tenant, accepted, nodeId, job } = await claimNew();
    const next = await acceptJob(db, { ...tenant, sessionId: accepted.sessionId });
    await retireNode(db, nodeId);
    await rescue(2);
    const second = await makeNode(db);
    assert.equal((await claimOne(db, { nodeId: second })).id, job.id);
    await retireNode(db, second);
    assert.deepEqual((await rescue(2)).lanes, [tenant.laneId]);
    const stored = await getJob(db, job.id);
    assert.deepEqual([stored?.state, stored?.error], ['failed', 'Job abandoned after 2 attempts']);
    assert.equal((await claimOne(db, { nodeId: await makeNode(db) })).id, next.id);
  });

  test('lets a canceled job go without running it again', async () => {
    const { nodeId, job } = await claimNew();
    await cancelJob(db, job.id);
    await retireNode(db, nodeId);
    assert.equal((await rescue()).released, 1);
    const stored = await getJob(db, job.id);
    assert.deepEqual([stored?.state, stored?.isHeld], ['canceled', false]);
    assert.deepEqual(await claim(db, { nodeId: await makeNode(db) }), []);
  });

  test('keeps the place of a job that it puts back', async () => {
    const { tenant, nodeId, job } = await claimNew();
    await acceptJob(db, tenant);
    await retireNode(db, nodeId);
    await rescue();
    const [first] = await claim(db, { nodeId: await makeNode(db), slots: 1 });
    assert.equal(first?.id, job.id);
  });

  test('by several nodes at the same time puts each job back once', async () => {
    const nodeId = await makeNode(db);
    const tenant = await makeTenant(db);
    for (let made = 0; made < 20; made += 1) await acceptJob(db, tenant);
    const jobs = await claim(db, { nodeId });
    await retireNode(db, nodeId);
    const results = await Promise.all(Array.from({ length: 4 }, async () => await rescue()));
    const released = results.flatMap((result) => result.sessions);
    assert.equal(released.length + (await rescue()).released, jobs.length);
    assert.equal(new Set(released).size, released.length);
  });

  test('passes over a session that somebody is writing to, and comes back for it', async () => {
    const { nodeId, accepted, job } = await claimNew();
    await retireNode(db, nodeId);
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    await client.query('begin');
    await client.query('select from sessions where num = $1 for update', [accepted.sessionNum]);
    assert.equal((await rescue()).released, 0);
    await client.query('rollback');
    await client.end();
    assert.equal((await rescue()).released, 1);
    assert.equal((await getJob(db, job.id))?.state, 'queued');
  });
});

describe('release', () => {
  test('puts a held job back after its delay, and says why', async () => {
    const { job, accepted, tenant } = await claimNew();
    const result = await releaseJobs(db, [{ jobId: job.id, leaseId: job.leaseId, delayMs: 0 }], 'the reason');
    assert.deepEqual(result, { released: 1, sessions: [accepted.sessionNum], lanes: [tenant.laneId] });
    const [event] = await rows<{ data: unknown }>(
      `select data from events where session_num = $1 and type = 'job.requeued'`,
      [accepted.sessionNum],
    );
    assert.deepEqual(event?.data, { reason: 'the reason', attempt: 1 });
  });

  test('does not count towards giving the job up, unless it says how many attempts there are', async () => {
    const { job } = await claimNew();
    await releaseJobs(db, [{ jobId: job.id, leaseId: job.leaseId, delayMs: 0 }], 'shut down');
    const second = await claimOne(db, { nodeId: await makeNode(db) });
    await releaseJobs(db, [{ jobId: second.id, leaseId: second.leaseId, delayMs: 0 }], 'its own fault', 2);
    const third = await claimOne(db, { nodeId: await makeNode(db) });
    assert.deepEqual([third.id, third.attempts], [job.id, 3]);
    await releaseJobs(db, [{ jobId: third.id, leaseId: third.leaseId, delayMs: 0 }], 'its own fault', 2);
    const stored = await getJob(db, job.id);
    assert.deepEqual([stored?.state, stored?.error], ['failed', 'Job abandoned after 3 attempts']);
  });

  test('by a claim that is no longer held changes nothing', async () => {
    const { job } = await claimNew();
    const release = { jobId: job.id, leaseId: job.leaseId, delayMs: 0 };
    await releaseJobs(db, [release], 'test');
    const again = await claimOne(db, { nodeId: await makeNode(db) });
    assert.deepEqual(await releaseJobs(db, [release], 'test'), { released: 0, sessions: [], lanes: [] });
    const stored = await getJob(db, again.id);
    assert.deepEqual([stored?.state, stored?.attempts], ['running', 2]);
  });

  test('of a canceled job lets it go for good', async () => {
    const { job } = await claimNew();
    await cancelJob(db, job.id);
    await releaseJobs(db, [{ jobId: job.id, leaseId: job.leaseId, delayMs: 0 }], 'test');
    assert.deepEqual(await claim(db, { nodeId: await makeNode(db) }), []);
    assert.equal((await getJob(db, job.id))?.isHeld, false);
  });

  test('takes any reason, also one that PostgreSQL cannot store', async () => {
    const { job } = await claimNew();
    const result = await releaseJobs(
      db,
      [{ jobId: job.id, leaseId: job.leaseId, delayMs: 0 }],
      'bad \u0000 \ud800 text',
    );
    assert.equal(result.released, 1);
  });
});

test('the held jobs of a node are what it claimed and has not let go', async () => {
  const { nodeId, job } = await claimNew();
  assert.deepEqual(await listHeldJobs(db, nodeId), [
    { jobId: job.id, leaseId: job.leaseId, isCanceled: false, hasNews: false },
  ]);
  await cancelJob(db, job.id);
  assert.deepEqual(await listHeldJobs(db, nodeId), [
    { jobId: job.id, leaseId: job.leaseId, isCanceled: true, hasNews: false },
  ]);
  await writeJournal(db, [makeLastEntry(job)]);
  assert.deepEqual(await listHeldJobs(db, nodeId), []);
});

test('after all this the invariants of the queue hold', async () => {
  assert.deepEqual(await findQueueBreaches(rows), []);
});
