import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, beforeEach, describe, test } from 'node:test';
import pg from 'pg';
import type { ClaimedJob } from '../../src/core/job.ts';
import { getAccount, setAccountLimits } from '../../src/storage/accounts.ts';
import {
  admitJob,
  closeBudgets,
  getJobBudget,
  holdSpend,
  listOrphanBudgets,
  type NewJobBudget,
} from '../../src/storage/budgets.ts';
import { writeJournal } from '../../src/storage/held-jobs.ts';
import { cancelJob } from '../../src/storage/jobs.ts';
import { createTestDatabase } from '../support/database.ts';
import {
  acceptJob,
  claimOne,
  emptyQueues,
  makeLastEntry,
  makeNode,
  makeTenant,
  openDatabase,
} from '../support/factories.ts';
import { rowsOf } from '../support/rows.ts';
import { eventually } from '../support/signals.ts';
import { findSpendingBreaches, makeBudget, makeCallEntry } from './spending-actors.ts';

const database = await createTestDatabase();
const db = openDatabase(database.url);
const rows = rowsOf(database.url);
const nodeId = await makeNode(db);
beforeEach(async () => await emptyQueues(db, rows));
after(async () => await db.end());

/** A job of a new tenant, or of the given one, that was admitted, accepted and claimed. */
const startJob = async (
  parts: Partial<NewJobBudget> = {},
  tenant?: Awaited<ReturnType<typeof makeTenant>>,
): Promise<ClaimedJob> => {
  const { tenantId, laneId } = tenant ?? (await makeTenant(db));
  const budget = makeBudget({ tenantId, sessionId: randomUUID(), ...parts });
  assert.equal(await admitJob(db, budget), undefined);
  await acceptJob(db, { tenantId, laneId, id: budget.jobId, sessionId: budget.sessionId });
  return await claimOne(db, { nodeId });
};

const sessionOf = async (job: { readonly tenantId: string; readonly sessionId: string }) =>
  await getAccount(db, { tenantId: job.tenantId, kind: 'session', id: job.sessionId });
const tenantOf = async (job: { readonly tenantId: string }) =>
  await getAccount(db, { tenantId: job.tenantId, kind: 'tenant', id: '' });

describe('a job that has ended', () => {
  test('holds nothing, even when a node that lost it asks for more', async () => {
    const job = await startJob();
    await writeJournal(db, [makeLastEntry(job)]);
    const answer = await holdSpend(db, { jobId: job.id, wantedMicros: 500, leastMicros: 1 });
    assert.ok('reached' in answer, JSON.stringify(answer));
    assert.equal((await tenantOf(job)).heldMicros, 0);
    assert.equal((await sessionOf(job)).heldMicros, 0);
  });

  test('has its real cost charged everywhere, and the rest of what it held given back', async () => {
    const apiKeyId = randomUUID();
    const job = await startJob({ apiKeyId, estimateMicros: 50 });
    assert.deepEqual(await holdSpend(db, { jobId: job.id, wantedMicros: 300, leastMicros: 1 }), { heldMicros: 300 });
    await writeJournal(db, [makeCallEntry(job, { ordinal: 1, costMicros: 70 })]);
    await writeJournal(db, [makeLastEntry(job, { writeNum: 2 })]);
    const key = await getAccount(db, { tenantId: job.tenantId, kind: 'api_key', id: apiKeyId });
    for (const account of [await tenantOf(job), await sessionOf(job), key]) {
      assert.deepEqual([account.spentMicros, account.heldMicros], [70, 0]);
    }
    assert.equal((await sessionOf(job)).requests, 1);
  });

  test('gives its request back when it called no model', async () => {
    const job = await startJob({ estimateMicros: 50 });
    assert.deepEqual([(await sessionOf(job)).requests, (await sessionOf(job)).heldMicros], [1, 50]);
    await writeJournal(db, [makeLastEntry(job)]);
    assert.deepEqual([(await sessionOf(job)).requests, (await sessionOf(job)).heldMicros], [0, 0]);
  });
});

test('a queued job that is canceled gives everything back', async () => {
  const { tenantId, laneId } = await makeTenant(db);
  const budget = makeBudget({ tenantId, sessionId: randomUUID(), estimateMicros: 40 });
  await admitJob(db, budget);
  await acceptJob(db, { tenantId, laneId, id: budget.jobId, sessionId: budget.sessionId });
  assert.equal((await tenantOf(budget)).heldMicros, 40);
  await cancelJob(db, budget.jobId);
  assert.deepEqual([(await tenantOf(budget)).heldMicros, (await sessionOf(budget)).requests], [0, 0]);
});

test('an admission whose job never came is swept, and one whose job waits is not', async () => {
  const { tenantId, laneId } = await makeTenant(db);
  const [lost, waiting] = [1, 2].map(() => makeBudget({ tenantId, sessionId: randomUUID(), estimateMicros: 40 }));
  assert.ok(lost && waiting);
  await admitJob(db, lost);
  await admitJob(db, waiting);
  await acceptJob(db, { tenantId, laneId, id: waiting.jobId, sessionId: waiting.sessionId });
  assert.ok(!(await listOrphanBudgets(db, { minAgeMs: 600_000, limit: 100 })).includes(lost.jobId));
  const orphans = await listOrphanBudgets(db, { minAgeMs: 0, limit: 100 });
  assert.deepEqual([orphans.includes(lost.jobId), orphans.includes(waiting.jobId)], [true, false]);
  await closeBudgets(db, orphans);
  assert.equal((await tenantOf(lost)).heldMicros, 40);
  assert.equal((await sessionOf(lost)).requests, 0);
});

test('of a call whose price is unknown the estimate stays charged, and no cost is recorded', async () => {
  const job = await startJob();
  await holdSpend(db, { jobId: job.id, wantedMicros: 300, leastMicros: 1 });
  await writeJournal(db, [makeCallEntry(job, { ordinal: 1, costMicros: null })]);
  assert.deepEqual([(await sessionOf(job)).spentMicros, (await sessionOf(job)).heldMicros], [300, 0]);
  const [call] = await rows('select cost_micros from model_calls where job_id = $1', [job.id]);
  assert.deepEqual(call, { cost_micros: null });
});

describe('a limit', () => {
  test('gives the next call what is left, and then names itself, the narrowest first', async () => {
    const job = await startJob({ sessionMaxCostMicros: 100, tenantMaxCostMicros: 100 });
    assert.deepEqual(await holdSpend(db, { jobId: job.id, wantedMicros: 300, leastMicros: 60 }), { heldMicros: 100 });
    await writeJournal(db, [makeCallEntry(job, { ordinal: 1, costMicros: 90 })]);
    assert.deepEqual(await holdSpend(db, { jobId: job.id, wantedMicros: 300, leastMicros: 60 }), {
      reached: { scope: 'session', measure: 'cost', limit: 100, used: 90 },
    });
  });

  test('counts what others hold, and not what the job itself holds', async () => {
    const tenant = await makeTenant(db);
    const first = await startJob({ tenantMaxCostMicros: 100 }, tenant);
    const second = await startJob({ tenantMaxCostMicros: 100 }, tenant);
    for (let again = 0; again < 2; again += 1) {
      assert.deepEqual(await holdSpend(db, { jobId: first.id, wantedMicros: 80, leastMicros: 1 }), { heldMicros: 80 });
    }
    assert.deepEqual(await holdSpend(db, { jobId: second.id, wantedMicros: 80, leastMicros: 1 }), { heldMicros: 20 });
  });

  test('of a job holds for all that it spawned', async () => {
    const tenant = await makeTenant(db);
    const limits = { ...makeBudget({ tenantId: '', sessionId: '' }).limits, maxCostMicros: 100 };
    const parent = await startJob({ limits }, tenant);
    const child = await startJob({ parentJobId: parent.id }, tenant);
    const grandchild = await startJob({ parentJobId: child.id }, tenant);
    assert.deepEqual(await holdSpend(db, { jobId: grandchild.id, wantedMicros: 500, leastMicros: 1 }), {
      heldMicros: 100,
    });
    await writeJournal(db, [makeCallEntry(grandchild, { ordinal: 1, costMicros: 99 })]);
    assert.equal((await getJobBudget(db, parent.id))?.spentMicros, 99);
    const answer = await holdSpend(db, { jobId: child.id, wantedMicros: 500, leastMicros: 2 });
    assert.deepEqual(answer, { reached: { scope: 'job', measure: 'cost', limit: 100, used: 99 } });
  });

  test('lets exactly as many requests in at once as it has room for', async () => {
    const { tenantId } = await makeTenant(db);
    const sessionId = randomUUID();
    const tries = Array.from({ length: 12 }, () => makeBudget({ tenantId, sessionId, sessionMaxRequests: 5 }));
    const answers = await Promise.all(tries.map(async (budget) => await admitJob(db, budget)));
    assert.equal(answers.filter((answer) => answer === undefined).length, 5);
    assert.ok(
      answers.every((answer) => answer === undefined || (answer.measure === 'requests' && answer.requests === 5)),
    );
  });

  test('of the operator gives way to the tenant default, and that to the session', async () => {
    const { tenantId } = await makeTenant(db);
    const sessionId = randomUUID();
    const isLetIn = async (): Promise<boolean> =>
      (await admitJob(db, makeBudget({ tenantId, sessionId, estimateMicros: 10, sessionMaxCostMicros: 5 }))) ===
      undefined;
    assert.equal(await isLetIn(), false);
    await setAccountLimits(db, { tenantId, kind: 'session_default', id: '' }, { maxCostMicros: 10 });
    assert.equal(await isLetIn(), true);
    await setAccountLimits(db, { tenantId, kind: 'session', id: sessionId }, { maxCostMicros: 'unlimited' });
    assert.equal(await isLetIn(), true);
    await setAccountLimits(db, { tenantId, kind: 'session', id: sessionId }, { maxCostMicros: null });
    assert.equal(await isLetIn(), false);
  });
});

test('batches that end jobs of the tenants in whose favour another batch pays do not deadlock', async (t) => {
  const [one, other] = (await Promise.all([makeTenant(db), makeTenant(db)])).toSorted((left, right) =>
    left.tenantId < right.tenantId ? -1 : 1,
  );
  assert.ok(one && other);
  const started: ClaimedJob[] = [];
  for (const tenant of [one, one, other, other]) started.push(await startJob({}, tenant));
  const [payingOne, endingOne, payingOther, endingOther] = started;
  assert.ok(payingOne && endingOne && payingOther && endingOther);
  // Holds the account of the first tenant until both batches wait for one: they go on at the same time.
  const gate = new pg.Client({ connectionString: database.url });
  await gate.connect();
  t.after(async () => await gate.end());
  await gate.query('begin');
  await gate.query(`select from accounts where tenant_id = any ($1) and kind = 'tenant' for update`, [
    [one.tenantId, other.tenantId],
  ]);
  const written = Promise.all([
    writeJournal(db, [makeCallEntry(payingOne, { ordinal: 1, costMicros: 1 }), makeLastEntry(endingOther)]),
    writeJournal(db, [makeCallEntry(payingOther, { ordinal: 1, costMicros: 1 }), makeLastEntry(endingOne)]),
  ]);
  await eventually('both batches wait', async () => {
    const waiting = await rows(
      `select pid from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()`,
    );
    return waiting.length >= 2;
  });
  await gate.query('rollback');
  assert.deepEqual(
    (await written).flat().map(({ outcome }) => outcome),
    Array(4).fill('written'),
  );
  assert.deepEqual(await findSpendingBreaches(rows), []);
});
