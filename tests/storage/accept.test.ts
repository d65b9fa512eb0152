import assert from 'node:assert/strict';
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { after, beforeEach, describe, test } from 'node:test';
import { isKaziError } from '../../src/core/errors.ts';
import { readEvents } from '../../src/storage/events.ts';
import { writeJournal } from '../../src/storage/held-jobs.ts';
import { getKeptAnswer } from '../../src/storage/idempotency.ts';
import { getJob, listSessionJobs, promoteSessions } from '../../src/storage/jobs.ts';
import { listJobMessages } from '../../src/storage/messages.ts';
import { acceptJobs, type JobSubmission } from '../../src/storage/submissions.ts';
import { ensureTenant } from '../../src/storage/tenants.ts';
import { createTestDatabase } from '../support/database.ts';
import {
  acceptJob,
  claim,
  claimOne,
  emptyQueues,
  makeEntry,
  makeLastEntry,
  makeNode,
  makeSubmission,
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

const keyOf = (text: string, body = text) => ({
  scope: createHash('sha256').update(text).digest(),
  requestHash: createHash('sha256').update(body).digest(),
  response: `answer to ${body}`,
  keepMs: 60_000,
});

describe('idempotency keys', () => {
  test('a key that is taken is a replay: no second job, and the first answer is kept', async () => {
    const tenant = await makeTenant(db);
    const idempotency = keyOf(randomUUID());
    const first = await acceptJob(db, { ...tenant, idempotency });
    const [again] = await acceptJobs(db, [
      makeSubmission({ ...tenant, idempotency: { ...idempotency, response: 'other' } }),
    ]);
    assert.deepEqual(again, { outcome: 'replay', createdAt: null, sessionNum: null, readyLane: null });
    const kept = await getKeptAnswer(db, idempotency.scope);
    assert.deepEqual(kept, { requestHash: idempotency.requestHash, status: 200, response: idempotency.response });
    assert.deepEqual(
      (await rows<{ id: string }>('select id from jobs where tenant_id = $1', [tenant.tenantId])).map((row) => row.id),
      [first.id],
    );
  });

  test('a key used with another body is a replay whose kept hash shows the difference', async () => {
    const tenant = await makeTenant(db);
    const name = randomUUID();
    await acceptJob(db, { ...tenant, idempotency: keyOf(name, 'one') });
    const [again] = await acceptJobs(db, [makeSubmission({ ...tenant, idempotency: keyOf(name, 'two') })]);
    assert.equal(again?.outcome, 'replay');
    assert.notDeepEqual((await getKeptAnswer(db, keyOf(name).scope))?.requestHash, keyOf(name, 'two').requestHash);
  });

  test('parallel requests with one key make one job', async () => {
    const tenant = await makeTenant(db);
    const idempotency = keyOf(randomUUID());
    const answers = await Promise.all(
      Array.from(
        { length: 6 },
        async () => (await acceptJobs(db, [makeSubmission({ ...tenant, idempotency })]))[0]?.outcome,
      ),
    );
    const accepted = answers.filter((outcome) => outcome === 'accepted');
    const replays = answers.filter((outcome) => outcome === 'replay');
    assert.deepEqual([accepted.length, replays.length], [1, 5]);
  });

  test('a batch takes its fresh members and names its replays', async () => {
    const tenant = await makeTenant(db);
    const taken = keyOf(randomUUID());
    await acceptJob(db, { ...tenant, idempotency: taken });
    const answers = await acceptJobs(db, [
      makeSubmission(tenant),
      makeSubmission({ ...tenant, idempotency: taken }),
      makeSubmission({ ...tenant, idempotency: keyOf(randomUUID()) }),
    ]);
    assert.deepEqual(
      answers.map((answer) => answer.outcome),
      ['accepted', 'replay', 'accepted'],
    );
  });
});

describe('owners of sessions', () => {
  const makeUsers = async () => {
    const tenant = await makeTenant(db);
    await ensureTenant(db, tenant.tenantId, 'ann');
    await ensureTenant(db, tenant.tenantId, 'bob');
    return tenant;
  };

  const submit = async (userId: string, rest: Pick<JobSubmission, 'tenantId' | 'laneId'> & Partial<JobSubmission>) =>
    await acceptJobs(db, [makeSubmission({ ...rest, userId, enforceUser: true })]);
  const isForeign = (error: unknown): boolean => isKaziError(error, 'RECORD_USER_MISMATCH');

  test('a session of another user is refused, and the key of the refused request stays free', async () => {
    const tenant = await makeUsers();
    const sessionId = randomUUID();
    await submit('ann', { ...tenant, sessionId });
    const idempotency = keyOf(randomUUID());
    const id = randomUUID();
    await assert.rejects(submit('bob', { ...tenant, id, sessionId, idempotency }), isForeign);
    assert.equal(await getKeptAnswer(db, idempotency.scope), undefined);
    assert.equal(await getJob(db, id), undefined);
  });

  test('two users that make the same new session at once: one gets it, the other is refused', async () => {
    const tenant = await makeUsers();
    for (let round = 0; round < 5; round += 1) {
      const sessionId = randomUUID();
      const results = await Promise.allSettled(
        ['ann', 'bob'].map(async (userId) => await submit(userId, { ...tenant, sessionId })),
      );
      assert.deepEqual(results.map((result) => result.status).toSorted(), ['fulfilled', 'rejected']);
      for (const result of results) assert.ok(result.status === 'fulfilled' || isForeign(result.reason));
      const owners = await rows<{ user_id: string }>(
        'select j.user_id from jobs j join sessions s on s.num = j.session_num and s.user_id = j.user_id where s.id = $1',
        [sessionId],
      );
      assert.equal(owners.length, 1);
    }
  });

  test('a batch with a refused member is refused as a whole, so that its members are tried alone', async () => {
    const tenant = await makeUsers();
    const sessionId = randomUUID();
    const batch = ['bob', 'ann', 'bob'].map((userId) =>
      makeSubmission({ ...tenant, sessionId, userId, enforceUser: true }),
    );
    await assert.rejects(acceptJobs(db, batch), isForeign);
    for (const submission of batch) assert.equal(await getJob(db, submission.id), undefined);
  });

  test('a principal without a user may add work to any session of the tenant', async () => {
    const tenant = await makeUsers();
    const first = await acceptJob(db, { ...tenant, userId: 'ann', enforceUser: true });
    const second = await acceptJob(db, { ...tenant, sessionId: first.sessionId });
    assert.equal(second.sessionNum, first.sessionNum);
  });
});

describe('order within a session', () => {
  test('parallel submissions get positions without gaps, and run in that order', async () => {
    const tenant = await makeTenant(db);
    const nodeId = await makeNode(db);
    const sessionId = randomUUID();
    await Promise.all(
      Array.from(
        { length: 12 },
        async () =>
          await acceptJobs(db, [makeSubmission({ ...tenant, sessionId }), makeSubmission({ ...tenant, sessionId })]),
      ),
    );
    const ran: string[] = [];
    for (let left = 24; left > 0; left -= 1) {
      const job = await claimOne(db, { nodeId });
      ran.push(job.id);
      await writeJournal(db, [makeLastEntry(job)]);
    }
    const placed = await rows<{ id: string }>(
      'select j.id from jobs j where j.tenant_id = $1 order by j.order_at, j.pos',
      [tenant.tenantId],
    );
    assert.deepEqual(
      ran,
      placed.map((row) => row.id),
    );
  });

  test('a delayed job takes its place at its time: a later submission runs before it', async () => {
    const tenant = await makeTenant(db);
    const nodeId = await makeNode(db);
    const delayed = await acceptJob(db, { ...tenant, scheduleAt: new Date(Date.now() + 60_000) });
    assert.equal(delayed.readyLane, null);
    assert.deepEqual(await claim(db, { nodeId }), []);
    const now = await acceptJob(db, { ...tenant, sessionId: delayed.sessionId });
    assert.equal(now.readyLane, tenant.laneId);
    const job = await claimOne(db, { nodeId });
    assert.equal(job.id, now.id);
    await writeJournal(db, [makeLastEntry(job)]);
    assert.deepEqual(await claim(db, { nodeId }), []);
  });

  test('a time that has passed is now', async () => {
    const tenant = await makeTenant(db);
    const job = await acceptJob(db, { ...tenant, scheduleAt: new Date(0) });
    assert.equal(job.readyLane, tenant.laneId);
    assert.deepEqual((await getJob(db, job.id))?.scheduleAt, new Date(0));
    assert.equal((await claimOne(db, { nodeId: await makeNode(db) })).id, job.id);
  });

  test('promoting makes due heads claimable, and tells when the next falls due', async () => {
    const tenant = await makeTenant(db);
    const nodeId = await makeNode(db);
    const soon = await acceptJob(db, { ...tenant, scheduleAt: new Date(Date.now() + 80) });
    const early = await promoteSessions(db, 100);
    assert.ok(early.nextInMs !== null && early.nextInMs <= 80, `found ${early.nextInMs}`);
    const promotion = await eventually('the job falls due', async () => {
      const result = await promoteSessions(db, 100);
      return result.promoted > 0 && result;
    });
    assert.deepEqual(promotion.lanes, [tenant.laneId]);
    assert.equal((await claimOne(db, { nodeId })).id, soon.id);
  });
});

test('any text that JavaScript can hold is accepted, and comes back as UTF-8 can hold it', async () => {
  const tenant = await makeTenant(db);
  const nasty = 'NUL \u0000, lone \ud83d and \udc00, whole 😀, \\u0000 spelt out, "quoted" \\ 日本';
  const clean = nasty.toWellFormed().replaceAll('\u0000', '\uFFFD');
  const accepted = await acceptJob(db, {
    ...tenant,
    question: nasty,
    metadata: { [`key ${nasty}`]: [nasty, { deep: nasty }], __proto__: null, bytes: randomBytes(2).length },
    idempotency: { ...keyOf(randomUUID()), response: JSON.stringify(nasty) },
  });
  const job = await claimOne(db, { nodeId: await makeNode(db) });
  assert.equal(job.question, clean);
  assert.deepEqual(job.metadata?.[`key ${clean}`], [clean, { deep: clean }]);
  const content = [{ type: 'text', text: nasty }] as const;
  const answer = makeEntry(job, {
    events: [
      { type: 'output.written', data: { text: nasty } },
      { type: 'message.created', message: { role: 'assistant', content } },
    ],
  });
  assert.equal((await writeJournal(db, [answer]))[0]?.outcome, 'written');
  assert.deepEqual(
    (await listJobMessages(db, job.id)).map((message) => message.content),
    [clean, clean].map((text) => [{ type: 'text', text }]),
  );
  const events = await readEvents(db, { sessionNum: accepted.sessionNum, afterSeq: 2, limit: 10 });
  assert.deepEqual(events[0]?.data, { text: clean });
});

test('a listing of a session shows its newest job first', async () => {
  const tenant = await makeTenant(db);
  const first = await acceptJob(db, tenant);
  const second = await acceptJob(db, { ...tenant, sessionId: first.sessionId });
  const filter = {
    ...tenant,
    userId: undefined,
    sessionIds: null,
    states: null,
    agent: null,
    beforeNum: null,
    limit: 10,
  };
  const jobs = await listSessionJobs(db, first.sessionNum, filter);
  assert.deepEqual(
    jobs.map((job) => [job.id, job.state]),
    [
      [second.id, 'queued'],
      [first.id, 'queued'],
    ],
  );
});

test('the numbers of a batch follow its order', async () => {
  const tenant = await makeTenant(db);
  const sessions = [randomUUID(), randomUUID(), randomUUID()];
  const batch = Array.from({ length: 30 }, (_, place) =>
    makeSubmission({
      ...tenant,
      sessionId: sessions[(place * 7) % 3] ?? '',
      scheduleAt: place % 4 === 0 ? new Date(Date.now() + 60_000) : null,
    }),
  );
  await acceptJobs(db, batch);
  const stored = await rows<{ id: string }>('select id from jobs where tenant_id = $1 order by num', [tenant.tenantId]);
  assert.deepEqual(
    stored.map((row) => row.id),
    batch.map((submission) => submission.id),
  );
});

test('after all this the invariants of the queue hold', async () => {
  assert.deepEqual(await findQueueBreaches(rows), []);
});
