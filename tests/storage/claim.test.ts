import assert from 'node:assert/strict';
import { after, beforeEach, describe, test } from 'node:test';
import pg from 'pg';
import type { ClaimedJob } from '../../src/core/job.ts';
import { releaseJobs, writeJournal } from '../../src/storage/held-jobs.ts';
import { claimJobs, promoteSessions } from '../../src/storage/jobs.ts';
import { retireNode } from '../../src/storage/nodes.ts';
import { acceptJobs } from '../../src/storage/submissions.ts';
import { ensureLane, setTenantLimit } from '../../src/storage/tenants.ts';
import { createTestDatabase } from '../support/database.ts';
import {
  acceptJob,
  claim,
  claimOne,
  emptyQueues,
  makeLastEntry,
  makeNode,
  makeSubmission,
  makeTenant,
  openDatabase,
} from '../support/factories.ts';
import { rowsOf } from '../support/rows.ts';
import { findQueueBreaches } from './invariants.ts';

const database = await createTestDatabase();
const db = openDatabase(database.url);
const rows = rowsOf(database.url);
beforeEach(async () => await emptyQueues(db, rows));
after(async () => await db.end());

const request = (nodeId: number) => ({
  nodeId,
  slots: 100,
  afterLane: 0,
  hintedLanes: [],
  tenantCap: 50,
  windowLanes: 64,
});

const acceptMany = async (tenant: { tenantId: string; laneId: number }, count: number, priority = 0) =>
  await acceptJobs(
    db,
    Array.from({ length: count }, () => makeSubmission({ ...tenant, priority })),
  );

const finish = async (jobs: readonly ClaimedJob[]): Promise<void> => {
  await writeJournal(
    db,
    jobs.map((job) => makeLastEntry(job)),
  );
};

describe('a claim', () => {
  test('gives the job with a new fencing token and its attempt, and never twice', async () => {
    const tenant = await makeTenant(db);
    const [first, second] = [await makeNode(db), await makeNode(db)];
    const accepted = await acceptJob(db, { ...tenant, question: 'what?', metadata: { a: 1 } });
    const job = await claimOne(db, { nodeId: first });
    assert.deepEqual(
      { id: job.id, session: job.sessionId, question: job.question, metadata: job.metadata, attempts: job.attempts },
      { id: accepted.id, session: accepted.sessionId, question: 'what?', metadata: { a: 1 }, attempts: 1 },
    );
    assert.deepEqual(await claim(db, { nodeId: second }), []);
    await releaseJobs(db, [{ jobId: job.id, leaseId: job.leaseId, delayMs: 0 }], 'test');
    const again = await claimOne(db, { nodeId: second });
    assert.equal(again.attempts, 2);
    assert.ok(again.leaseId > job.leaseId);
  });

  test('by a node whose lease has run out, or that has retired, takes nothing and says so', async () => {
    const tenant = await makeTenant(db);
    await acceptJob(db, tenant);
    const [expired, retired] = [await makeNode(db, 0), await makeNode(db)];
    await retireNode(db, retired);
    for (const nodeId of [expired, retired]) {
      const { isLost, jobs } = await claimJobs(db, request(nodeId));
      assert.deepEqual({ isLost, jobs }, { isLost: true, jobs: [] });
    }
  });

  test('takes higher priorities of a tenant first, and equal ones in their order', async () => {
    const tenant = await makeTenant(db);
    const nodeId = await makeNode(db);
    for (const priority of [0, 5, -3, 5, 0]) await acceptMany(tenant, 1, priority);
    const claimed: number[] = [];
    for (let place = 0; place < 5; place += 1) {
      const [job] = await claim(db, { nodeId, slots: 1 });
      claimed.push(job?.num ?? 0);
    }
    const stored = await rows<{ num: string }>(
      'select num from jobs where tenant_id = $1 order by priority desc, num',
      [tenant.tenantId],
    );
    assert.deepEqual(
      claimed,
      stored.map((row) => Number(row.num)),
    );
  });

  test('a high priority does not overtake an earlier job of its own session', async () => {
    const tenant = await makeTenant(db);
    const nodeId = await makeNode(db);
    const first = await acceptJob(db, tenant);
    await acceptJob(db, { ...tenant, sessionId: first.sessionId, priority: 9 });
    assert.equal((await claimOne(db, { nodeId })).id, first.id);
  });

  test('a job that waits for its retry stays ahead of its successors', async () => {
    const tenant = await makeTenant(db);
    const nodeId = await makeNode(db);
    const first = await acceptJob(db, tenant);
    const second = await acceptJob(db, { ...tenant, sessionId: first.sessionId });
    const job = await claimOne(db, { nodeId });
    await releaseJobs(db, [{ jobId: job.id, leaseId: job.leaseId, delayMs: 600_000 }], 'try later');
    assert.deepEqual(await claim(db, { nodeId }), []);
    const { nextInMs } = await promoteSessions(db, 10);
    assert.ok(nextInMs !== null && nextInMs > 500_000, `found ${nextInMs}`);
    const [head] = await rows<{ head_job: string }>('select head_job from sessions where num = $1', [first.sessionNum]);
    assert.equal(head?.head_job, first.id);
    assert.notEqual(head?.head_job, second.id);
  });

  test('the database itself refuses a second held job of a session', async () => {
    const tenant = await makeTenant(db);
    const nodeId = await makeNode(db);
    const first = await acceptJob(db, tenant);
    const second = await acceptJob(db, { ...tenant, sessionId: first.sessionId });
    await claimOne(db, { nodeId });
    const client = new pg.Client({ connectionString: database.url });
    await client.connect();
    const force = `update jobs set state = 'running', lease_id = 1, node_id = 1, started_at = now() where id = '${second.id}'`;
    await assert.rejects(client.query(force), /jobs_one_held/);
    await client.end();
  });
});

describe('windows and hints', () => {
  test('the cursor comes by every lane, and the answer says when it has come round', async () => {
    const nodeId = await makeNode(db);
    const tenants = await Promise.all(Array.from({ length: 5 }, async () => await makeTenant(db)));
    for (const tenant of tenants) await acceptMany(tenant, 3);
    const seen = new Set<string>();
    const turns: boolean[] = [];
    let afterLane = 0;
    for (let turn = 0; turn < 3; turn += 1) {
      const result = await claimJobs(db, { ...request(nodeId), afterLane, windowLanes: 2, slots: 2 });
      for (const job of result.jobs) seen.add(job.tenantId);
      turns.push(result.hasWrapped);
      afterLane = result.cursorLane;
    }
    assert.equal(seen.size, 5);
    assert.deepEqual(turns, [false, false, true]);
  });

  test('a hinted lane is looked at although it lies outside the window', async () => {
    const nodeId = await makeNode(db);
    const [early, late] = [await makeTenant(db), await makeTenant(db)];
    await acceptMany(early, 3);
    const hinted = await acceptJob(db, late);
    const jobs = await claim(db, { nodeId, windowLanes: 1, hintedLanes: [late.laneId] });
    assert.ok(jobs.some((job) => job.id === hinted.id));
  });

  test('of equally busy tenants the hinted one goes first', async () => {
    const nodeId = await makeNode(db);
    const tenants = await Promise.all(Array.from({ length: 6 }, async () => await makeTenant(db)));
    for (const tenant of tenants) await acceptMany(tenant, 1);
    const hinted = tenants[3];
    const job = await claimOne(db, { nodeId, slots: 1, hintedLanes: [hinted?.laneId ?? 0] });
    assert.equal(job.tenantId, hinted?.tenantId);
  });

  test('a hint of a lane that does not exist is harmless', async () => {
    assert.deepEqual(await claim(db, { nodeId: await makeNode(db), hintedLanes: [2_000_000_000] }), []);
  });
});

describe('caps', () => {
  /** Claims on several nodes at the same time, several times over; gives what they took together. */
  const claimTogether = async (tenantCap: number): Promise<ClaimedJob[]> => {
    const nodes = await Promise.all(Array.from({ length: 4 }, async () => await makeNode(db)));
    const taken: ClaimedJob[] = [];
    for (let round = 0; round < 6; round += 1) {
      const claims = await Promise.all(nodes.map(async (nodeId) => await claim(db, { nodeId, slots: 3, tenantCap })));
      taken.push(...claims.flat());
    }
    return taken;
  };

  test('a tenant never has more jobs running than the default cap, whichever nodes claim', async () => {
    const tenant = await makeTenant(db);
    await acceptMany(tenant, 30);
    assert.equal((await claimTogether(7)).length, 7);
  });

  test('a limit of its own goes before the default, and null gives the default back', async () => {
    const tenant = await makeTenant(db);
    await acceptMany(tenant, 30);
    await setTenantLimit(db, tenant.tenantId, 2);
    const first = await claimTogether(7);
    assert.equal(first.length, 2);
    await setTenantLimit(db, tenant.tenantId, null);
    assert.equal((await claimTogether(7)).length, 5);
    await setTenantLimit(db, tenant.tenantId, 0);
    await finish(first);
    assert.equal((await claimTogether(7)).length, 0);
  });

  test('an agent with a limit holds it, and leaves the rest to the tenant’s other agents', async () => {
    const tenant = await makeTenant(db, { agent: 'narrow', maxRunning: 2 });
    const wide = { ...tenant, laneId: await ensureLane(db, { ...tenant, agent: 'wide', maxRunning: null }) };
    await acceptMany(tenant, 10);
    await acceptMany(wide, 10);
    const taken = await claimTogether(6);
    const lanes = await rows<{ lane_id: number; n: string }>(
      'select lane_id, count(*) as n from jobs where tenant_id = $1 and lease_id is not null group by lane_id',
      [tenant.tenantId],
    );
    assert.equal(taken.length, 6);
    assert.deepEqual(
      new Map(lanes.map((row) => [row.lane_id, Number(row.n)])),
      new Map([
        [tenant.laneId, 2],
        [wide.laneId, 4],
      ]),
    );
  });

  test('a free place is filled again, one for one', async () => {
    const tenant = await makeTenant(db);
    await acceptMany(tenant, 10);
    const taken = await claimTogether(3);
    await finish(taken.slice(0, 2));
    assert.equal((await claimTogether(3)).length, 2);
  });
});

describe('fair shares', () => {
  test('a tenant with 5,000 queued jobs at its cap does not delay the first job of another', async (t) => {
    const own = openDatabase((await createTestDatabase(t)).url);
    t.after(async () => await own.end());
    const nodeId = await makeNode(own);
    const [crowd, single] = [await makeTenant(own), await makeTenant(own)];
    const batch = () => Array.from({ length: 500 }, () => makeSubmission(crowd));
    for (let sent = 0; sent < 10; sent += 1) await acceptJobs(own, batch());
    assert.equal((await claim(own, { nodeId, tenantCap: 4 })).length, 4);
    const accepted = await acceptJob(own, single);
    assert.equal((await claimOne(own, { nodeId, slots: 1, tenantCap: 4 })).id, accepted.id);
  });

  test('one slot at a time, backlogged tenants get equally many', async () => {
    const nodeId = await makeNode(db);
    const tenants = await Promise.all(Array.from({ length: 4 }, async () => await makeTenant(db)));
    for (const [place, tenant] of tenants.entries()) await acceptMany(tenant, 10 * (place + 1));
    const counts = new Map<string, number>();
    for (let slot = 0; slot < 20; slot += 1) {
      const job = await claimOne(db, { nodeId, slots: 1 });
      counts.set(job.tenantId, (counts.get(job.tenantId) ?? 0) + 1);
    }
    assert.deepEqual([...counts.values()], [5, 5, 5, 5]);
  });
});

test('after all this the invariants of the queue hold', async () => {
  assert.deepEqual(await findQueueBreaches(rows), []);
});
