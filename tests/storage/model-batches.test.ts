import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, beforeEach, describe, test } from 'node:test';
import type { BatchAccount, ModelRequestEntry } from '../../src/core/model-batch.ts';
import { admitJob, getJobBudget, holdSpend } from '../../src/storage/budgets.ts';
import { parkJob, writeJournal } from '../../src/storage/held-jobs.ts';
import { cancelJob } from '../../src/storage/jobs.ts';
import { readBatchRest, storeModelAnswers } from '../../src/storage/model-answers.ts';
import {
  beginBatchAttempt,
  type ClaimedBatch,
  claimModelBatches,
  endModelBatch,
  nextBatchInMs,
  putOffBatch,
  readBatchRequests,
} from '../../src/storage/model-batches.ts';
import {
  chargeLooseRequest,
  listLooseRequests,
  listModelRequests,
  pruneModelBatches,
} from '../../src/storage/model-requests.ts';
import { retireNode } from '../../src/storage/nodes.ts';
import { createTestDatabase } from '../support/database.ts';
import {
  acceptJob,
  claimOne,
  emptyQueues,
  makeEntry,
  makeNode,
  makeTenant,
  openDatabase,
} from '../support/factories.ts';
import { rowsOf } from '../support/rows.ts';
import { makeBudget } from './spending-actors.ts';

const database = await createTestDatabase();
const db = openDatabase(database.url);
const rows = rowsOf(database.url);
const nodeId = await makeNode(db);
beforeEach(async () => {
  await emptyQueues(db, rows);
  await rows(`update model_batches set state = 'ended' where state <> 'ended' and provider_id is null`, []);
});
after(async () => await db.end());

const HELD = 500;

/** A job that has asked for a call in a batch of the account and is parked; its id and that of the request. */
const ask = async (
  account: BatchAccount,
  parts: { readonly variant?: string; readonly body?: string; readonly name?: string } = {},
): Promise<{ readonly jobId: string; readonly requestId: string }> => {
  const { tenantId, laneId } = await makeTenant(db);
  const budget = makeBudget({ tenantId, sessionId: randomUUID() });
  assert.equal(await admitJob(db, budget), undefined);
  await acceptJob(db, { tenantId, laneId, id: budget.jobId, sessionId: budget.sessionId });
  const job = await claimOne(db, { nodeId });
  await holdSpend(db, { jobId: job.id, wantedMicros: HELD, leastMicros: HELD });
  const requestId = randomUUID();
  const { variant = 'm', body = '{"a":1}' } = parts;
  const modelRequest: ModelRequestEntry = {
    ...account,
    ...{ id: requestId, ordinal: 1, try: 1, variant, model: 'm', body, heldMicros: HELD },
    name: 'model',
  };
  await writeJournal(db, [makeEntry(job, { events: [{ type: 'model_call.batched', modelRequest }] })]);
  await parkJob(db, { jobId: job.id, leaseId: job.leaseId, wakeAfterMs: 3_600_000, reason: 'waits' });
  return { jobId: job.id, requestId };
};

const newAccount = (): BatchAccount => ({ provider: `provider-${randomUUID()}`, account: 'key' });

const claim = async (
  account: BatchAccount,
  bounds: Partial<Parameters<typeof claimModelBatches>[2]> = {},
): Promise<readonly ClaimedBatch[]> =>
  await claimModelBatches(db, [account], {
    ...{ nodeId, windowMs: 0, mostRequests: 100, mostBytes: 1_000, busy: [], limit: 10, ...bounds },
  });

const stateOf = async (jobId: string): Promise<{ readonly state: string; readonly is_due: boolean }> => {
  const [row] = await rows<{ state: string; is_due: boolean }>(
    'select state, run_at <= clock_timestamp() as is_due from jobs where id = $1',
    [jobId],
  );
  assert.ok(row);
  return row;
};

describe('requests are put into batches', () => {
  test('of one account and kind each, within the bounds, once they were gathered long enough', async () => {
    const account = newAccount();
    for (const variant of ['a', 'a', 'a', 'b']) await ask(account, { variant });
    await ask({ ...account, account: 'another key' });
    assert.deepEqual(await claim(account, { windowMs: 3_600_000 }), []);
    assert.ok(((await nextBatchInMs(db, 3_600_000)) ?? 0) > 3_000_000);
    const full = await claim(account, { windowMs: 3_600_000, mostRequests: 3 });
    assert.deepEqual(
      full.map(({ requests, provider }) => [requests, provider]),
      [[3, account.provider]],
    );
    const rest = await claim(account, { busy: full.map(({ id }) => id) });
    assert.deepEqual(
      rest.map(({ requests }) => requests),
      [1],
    );
    const lines = await readBatchRequests(db, rest[0]?.id ?? '');
    assert.deepEqual(
      lines.map(({ variant, body }) => [variant, body]),
      [['b', '{"a":1}']],
    );
  });

  test('by their size, but one that is too large goes alone', async () => {
    const account = newAccount();
    for (const length of [400, 500, 600, 2_000]) await ask(account, { body: JSON.stringify('x'.repeat(length)) });
    const sizes: number[] = [];
    for (let batch = await claim(account); batch.length > 0; batch = await claim(account, { busy: [] })) {
      sizes.push(...batch.map(({ requests }) => requests));
      for (const one of batch) await endModelBatch(db, one, null);
    }
    assert.deepEqual(sizes, [2, 1, 1]);
  });

  test('unless their job has ended', async () => {
    const account = newAccount();
    const { jobId, requestId } = await ask(account);
    await cancelJob(db, jobId);
    assert.deepEqual(await claim(account), []);
    assert.deepEqual((await listLooseRequests(db, 100)).filter(({ id }) => id === requestId).length, 1);
    await chargeLooseRequest(db, requestId, null);
    assert.equal((await getJobBudget(db, jobId))?.spentMicros, 0);
    assert.equal((await listLooseRequests(db, 100)).filter(({ id }) => id === requestId).length, 0);
  });
});

test('batches that ended long ago are forgotten with their requests, unless a run still may take an answer', async () => {
  const account = newAccount();
  const batches: ClaimedBatch[] = [];
  for (const isTaken of [true, false]) {
    const { jobId, requestId } = await ask(account);
    const [batch] = await claim(account, { busy: batches.map(({ id }) => id) });
    assert.ok(batch);
    batches.push(batch);
    await storeModelAnswers(db, batch, [{ id: requestId, answer: { status: 200, body: '{}' } }]);
    if (isTaken) await cancelJob(db, jobId);
    if (isTaken) await chargeLooseRequest(db, requestId, null);
    await endModelBatch(db, batch, null);
  }
  const left = async (): Promise<readonly string[]> => {
    const ids = batches.map(({ id }) => id);
    const found = await rows<{ id: string }>(
      `select b.id from model_batches b join model_requests r on r.batch_id = b.id where b.id = any ($1)`,
      [ids],
    );
    return found.map(({ id }) => id);
  };
  await pruneModelBatches(db, 1, 100);
  assert.equal((await left()).length, 2);
  await rows(`update model_batches set ended_at = ended_at - interval '2 days' where state = 'ended'`, []);
  await pruneModelBatches(db, 1, 100);
  assert.deepEqual(await left(), [batches[1]?.id]);
});

describe('a batch', () => {
  test('is one node’s, until that is gone; what the old claim writes then changes nothing', async () => {
    const account = newAccount();
    const { requestId, jobId } = await ask(account);
    const other = await makeNode(db);
    const [old] = await claim(account, { nodeId: other });
    assert.ok(old);
    assert.equal(await beginBatchAttempt(db, old), true);
    assert.deepEqual(await claim(account), []);
    await retireNode(db, other);
    const [fresh] = await claim(account);
    assert.ok(fresh);
    assert.deepEqual([fresh.id, fresh.providerId, fresh.attempt !== null], [old.id, null, true]);
    assert.equal(await beginBatchAttempt(db, old), false);
    await putOffBatch(db, old, { inMs: 0, submittedAs: 'stale' });
    const answer = { status: 200, body: '{}' };
    assert.equal(await storeModelAnswers(db, old, [{ id: requestId, answer }]), false);
    await endModelBatch(db, old, null);
    assert.deepEqual(await readBatchRest(db, fresh.id), { unanswered: [requestId], jobs: [] });
    await putOffBatch(db, fresh, { inMs: 0, submittedAs: `id-${randomUUID()}` });
    assert.equal((await claim(account))[0]?.providerId?.startsWith('id-'), true);
    assert.equal((await stateOf(jobId)).is_due, false);
  });

  test('is not taken twice by the node that is at work on it', async () => {
    const account = newAccount();
    await ask(account);
    const [batch] = await claim(account);
    assert.ok(batch);
    assert.deepEqual(await claim(account, { busy: [batch.id] }), []);
    assert.equal((await claim(account))[0]?.id, batch.id, 'one that was dropped in the middle is taken up');
  });

  test('keeps the first answer to a request, and tells which jobs wait', async () => {
    const account = newAccount();
    const [first, second] = [await ask(account), await ask(account)];
    const [batch] = await claim(account);
    assert.ok(batch);
    const answer = { status: 200, body: '{"said":1}' };
    assert.ok(await storeModelAnswers(db, batch, [{ id: first.requestId, answer }]));
    assert.ok(await storeModelAnswers(db, batch, [{ id: first.requestId, answer: null }]));
    const rest = await readBatchRest(db, batch.id);
    assert.deepEqual(rest, { unanswered: [second.requestId], jobs: [first.jobId] });
    assert.ok(await storeModelAnswers(db, batch, [{ id: second.requestId, answer: null }]));
    const states = [
      ...(await listModelRequests(db, first.jobId, 1)),
      ...(await listModelRequests(db, second.jobId, 1)),
    ];
    assert.deepEqual(
      states.map((request) => [request.state, request.answer]),
      [
        ['answered', answer],
        ['expired', null],
      ],
    );
  });
});

test('a job that parks after its answer came is due at once', async () => {
  const account = newAccount();
  const { jobId, requestId } = await ask(account);
  assert.deepEqual(await stateOf(jobId), { state: 'queued', is_due: false });
  await rows(`update jobs set run_at = clock_timestamp() where id = $1`, [jobId]);
  await rows(
    `update sessions set head_run_at = clock_timestamp(), head_ready = true where num = (select session_num from jobs where id = $1)`,
    [jobId],
  );
  const again = await claimOne(db, { nodeId });
  const [batch] = await claim(account);
  assert.ok(batch);
  assert.ok(await storeModelAnswers(db, batch, [{ id: requestId, answer: { status: 200, body: '{}' } }]));
  await parkJob(db, { jobId, leaseId: again.leaseId, wakeAfterMs: 3_600_000, reason: 'waits' });
  assert.deepEqual(await stateOf(jobId), { state: 'queued', is_due: true });
});

for (const [costMicros, spent] of [
  [120, 120],
  [null, HELD],
] as const) {
  test(`an answer that no run takes is charged once: ${costMicros ?? 'what was held, when its cost is unknown'}`, async () => {
    const account = newAccount();
    const { jobId, requestId } = await ask(account);
    const [batch] = await claim(account);
    assert.ok(batch);
    await cancelJob(db, jobId);
    assert.equal(
      (await listLooseRequests(db, 100)).some(({ id }) => id === requestId),
      false,
    );
    await storeModelAnswers(db, batch, [{ id: requestId, answer: { status: 200, body: '{}' } }]);
    const [loose] = (await listLooseRequests(db, 100)).filter(({ id }) => id === requestId);
    assert.equal(loose?.model, `${account.provider}/m`);
    for (let time = 0; time < 2; time += 1) await chargeLooseRequest(db, requestId, { usage: null, costMicros });
    const [budget] = await rows<{ spent: string; held: string }>(
      'select spent_micros as spent, held_micros as held from job_budgets where job_id = $1',
      [jobId],
    );
    assert.deepEqual([Number(budget?.spent), Number(budget?.held)], [spent, 0]);
  });
}
