import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { after, beforeEach, describe, test } from 'node:test';
import type { ArtifactEntry } from '../../src/core/artifact.ts';
import type { JournalEntry, Step } from '../../src/core/journal.ts';
import { listArtifacts } from '../../src/storage/artifacts.ts';
import { releaseJobs, writeJournal } from '../../src/storage/held-jobs.ts';
import { cancelJob, getJob } from '../../src/storage/jobs.ts';
import { listJobMessages } from '../../src/storage/messages.ts';
import { listSteps } from '../../src/storage/steps.ts';
import { acceptJobs } from '../../src/storage/submissions.ts';
import { createTestDatabase } from '../support/database.ts';
import {
  acceptJob,
  claim,
  claimOne,
  emptyQueues,
  goodEnd,
  makeEntry,
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
const nodeId = await makeNode(db);
beforeEach(async () => await emptyQueues(db, rows));
after(async () => await db.end());

/** A claimed job of a tenant of its own. */
const claimNew = async () => {
  const tenant = await makeTenant(db);
  await acceptJob(db, tenant);
  return await claimOne(db, { nodeId });
};

const typesOf = async (sessionNum: number): Promise<string[]> =>
  (await rows<{ type: string }>('select type from events where session_num = $1 order by seq', [sessionNum])).map(
    (row) => row.type,
  );

const artifact: ArtifactEntry = {
  path: 'out/report.txt',
  sha256: createHash('sha256').update('report').digest('hex'),
  sizeBytes: 6,
  contentType: 'text/plain',
  modifiedAt: new Date('2026-01-02T03:04:05.678Z'),
  createdAt: null,
};

const step: Step = { ordinal: 1, kind: 'tool', name: 'shell', state: 'started', input: { script: 'x' }, output: null };

/** An entry that changes everything that an entry can change. */
const fullEntry = (job: Parameters<typeof makeEntry>[0], parts: Partial<JournalEntry> = {}): JournalEntry =>
  makeEntry(job, {
    events: [
      { type: 'step.finished', data: { ordinal: 1 }, step: { ...step, state: 'finished', output: { exitCode: 0 } } },
      { type: 'message.created', message: { role: 'assistant', content: [{ type: 'text', text: 'hello' }] } },
      { type: 'job.completed' },
    ],
    artifacts: [artifact],
    finish: goodEnd,
    sandboxId: 'sandbox-1',
    ...parts,
  });

/** Everything that an entry could have changed. */
const everythingOf = async (jobId: string, sessionNum: number): Promise<unknown> => ({
  job: await getJob(db, jobId),
  steps: await listSteps(db, jobId),
  messages: await listJobMessages(db, jobId),
  artifacts: await listArtifacts(db, jobId),
  events: await typesOf(sessionNum),
  session: await rows('select * from sessions where num = $1', [sessionNum]),
  blobs: await rows('select * from blobs where sha256 = $1', [artifact.sha256]),
});

describe('fencing', () => {
  test('an entry of a claim that was given back is lost, and writes nothing at all', async () => {
    const job = await claimNew();
    await releaseJobs(db, [{ jobId: job.id, leaseId: job.leaseId, delayMs: 600_000 }], 'test');
    const before = await everythingOf(job.id, job.sessionNum);
    const [answer] = await writeJournal(db, [fullEntry(job)]);
    assert.deepEqual(answer, { outcome: 'lost', isCanceled: false, lastSeq: null, readyLanes: [], waiting: [] });
    assert.deepEqual(await everythingOf(job.id, job.sessionNum), before);
  });

  test('an entry of an older claim of the same job is lost, whatever its number, and the newer claim goes on', async () => {
    const old = await claimNew();
    await releaseJobs(db, [{ jobId: old.id, leaseId: old.leaseId, delayMs: 0 }], 'test');
    const job = await claimOne(db, { nodeId });
    const before = await everythingOf(job.id, job.sessionNum);
    const [answer] = await writeJournal(db, [fullEntry(old, { writeNum: 99 })]);
    assert.equal(answer?.outcome, 'lost');
    assert.deepEqual(await everythingOf(job.id, job.sessionNum), before);
    assert.equal((await writeJournal(db, [makeLastEntry(job)]))[0]?.outcome, 'written');
  });

  test('an old and the new claim of one job in the same batch: only the new one writes', async () => {
    const old = await claimNew();
    await releaseJobs(db, [{ jobId: old.id, leaseId: old.leaseId, delayMs: 0 }], 'test');
    const job = await claimOne(db, { nodeId });
    const answers = await writeJournal(db, [makeLastEntry(old), makeLastEntry(job)]);
    assert.deepEqual(
      answers.map((answer) => answer.outcome),
      ['lost', 'written'],
    );
  });

  test('an entry for a job that has ended is lost', async () => {
    const job = await claimNew();
    await writeJournal(db, [makeLastEntry(job)]);
    const before = await everythingOf(job.id, job.sessionNum);
    assert.equal((await writeJournal(db, [fullEntry(job, { writeNum: 2 })]))[0]?.outcome, 'lost');
    assert.deepEqual(await everythingOf(job.id, job.sessionNum), before);
  });

  test('an entry for a session that does not exist is lost', async () => {
    const job = await claimNew();
    const [answer] = await writeJournal(db, [makeEntry({ ...job, id: randomUUID(), sessionNum: 2 ** 40 })]);
    assert.equal(answer?.outcome, 'lost');
  });
});

describe('write numbers', () => {
  test('an entry that is sent again is repeated, and nothing is written twice', async () => {
    const job = await claimNew();
    const entry = fullEntry(job, { finish: null, events: fullEntry(job).events.slice(0, 2) });
    assert.equal((await writeJournal(db, [entry]))[0]?.outcome, 'written');
    const before = await everythingOf(job.id, job.sessionNum);
    const [again] = await writeJournal(db, [entry]);
    assert.deepEqual(again, { outcome: 'repeated', isCanceled: false, lastSeq: null, readyLanes: [], waiting: [] });
    assert.deepEqual(await everythingOf(job.id, job.sessionNum), before);
  });

  test('a new claim counts from 1 again', async () => {
    const old = await claimNew();
    await writeJournal(db, [makeEntry(old, { writeNum: 7, events: [{ type: 'output.written' }] })]);
    await releaseJobs(db, [{ jobId: old.id, leaseId: old.leaseId, delayMs: 0 }], 'test');
    const job = await claimOne(db, { nodeId });
    assert.equal((await writeJournal(db, [makeEntry(job)]))[0]?.outcome, 'written');
  });

  test('parallel copies of one entry take effect once', async () => {
    const job = await claimNew();
    const entry = makeEntry(job, { events: [{ type: 'output.written' }] });
    const answers = await Promise.all(
      Array.from({ length: 5 }, async () => (await writeJournal(db, [entry]))[0]?.outcome),
    );
    const written = answers.filter((outcome) => outcome === 'written');
    const repeated = answers.filter((outcome) => outcome === 'repeated');
    assert.deepEqual([written.length, repeated.length], [1, 4]);
    assert.deepEqual(await typesOf(job.sessionNum), ['job.submitted', 'job.started', 'output.written']);
  });
});

describe('an entry', () => {
  test('writes events, messages, steps, artifacts and the end together', async () => {
    const job = await claimNew();
    const [answer] = await writeJournal(db, [fullEntry(job)]);
    assert.deepEqual(answer, { outcome: 'written', isCanceled: false, lastSeq: 5, readyLanes: [], waiting: [] });
    const stored = await getJob(db, job.id);
    assert.equal(stored?.state, 'complete');
    assert.equal(stored.isHeld, false);
    assert.equal(stored.sandboxId, 'sandbox-1');
    assert.deepEqual(stored.outcome, goodEnd.outcome);
    assert.ok(stored.completedAt instanceof Date);
    assert.deepEqual(await listArtifacts(db, job.id), [artifact]);
    assert.deepEqual(await listSteps(db, job.id), [{ ...step, state: 'finished', output: { exitCode: 0 } }]);
    assert.deepEqual(
      (await listJobMessages(db, job.id)).map((message) => message.role),
      ['user', 'assistant'],
    );
  });

  test('keeps the first content of an artifact, and the finish of a step that was finished', async () => {
    const job = await claimNew();
    const finished: Step = { ...step, state: 'finished', output: 'first' };
    await writeJournal(db, [
      makeEntry(job, { artifacts: [artifact], events: [{ type: 'step.finished', step: finished }] }),
    ]);
    const other = { ...artifact, sha256: createHash('sha256').update('other').digest('hex') };
    const late: Step = { ...step, state: 'failed', output: 'second' };
    await writeJournal(db, [
      makeEntry(job, { writeNum: 2, artifacts: [other], events: [{ type: 'step.failed', step: late }] }),
    ]);
    assert.deepEqual(await listArtifacts(db, job.id), [artifact]);
    assert.deepEqual(await listSteps(db, job.id), [finished]);
  });

  test('that ends a job makes the next job of the session claimable, and names its lane', async () => {
    const tenant = await makeTenant(db);
    const first = await acceptJob(db, tenant);
    const second = await acceptJob(db, { ...tenant, sessionId: first.sessionId });
    const job = await claimOne(db, { nodeId });
    assert.deepEqual(await claim(db, { nodeId }), []);
    assert.deepEqual((await writeJournal(db, [makeLastEntry(job)]))[0]?.readyLanes, [tenant.laneId]);
    assert.equal((await claimOne(db, { nodeId })).id, second.id);
  });

  test('a job accepted while the one before it ends is never stuck', async () => {
    const tenant = await makeTenant(db);
    const sessionId = randomUUID();
    await acceptJob(db, { ...tenant, sessionId });
    for (let round = 0; round < 25; round += 1) {
      const job = await claimOne(db, { nodeId });
      await Promise.all([
        writeJournal(db, [makeLastEntry(job)]),
        acceptJobs(db, [makeSubmission({ ...tenant, sessionId })]),
      ]);
    }
    assert.equal((await claim(db, { nodeId })).length, 1);
  });

  test('entries of many jobs in one batch are answered in their order', async () => {
    const jobs = [await claimNew(), await claimNew(), await claimNew()];
    const [first, second, third] = jobs;
    assert.ok(first && second && third);
    await releaseJobs(db, [{ jobId: second.id, leaseId: second.leaseId, delayMs: 600_000 }], 'test');
    const answers = await writeJournal(db, [makeLastEntry(third), makeLastEntry(second), makeEntry(first)]);
    assert.deepEqual(
      answers.map((answer) => answer.outcome),
      ['written', 'lost', 'written'],
    );
  });

  test('one bad entry fails its whole batch, which then has written nothing', async () => {
    const [good, bad] = [await claimNew(), await claimNew()];
    const before = await everythingOf(good.id, good.sessionNum);
    const poison = makeEntry(bad, { events: [{ type: 'step.started', step: { ...step, ordinal: 0 } }] });
    await assert.rejects(writeJournal(db, [makeLastEntry(good), poison]), /steps_ordinal_check/);
    assert.deepEqual(await everythingOf(good.id, good.sessionNum), before);
  });
});

describe('a canceled job', () => {
  test('keeps its session busy until its node has let it go', async () => {
    const tenant = await makeTenant(db);
    const first = await acceptJob(db, tenant);
    const second = await acceptJob(db, { ...tenant, sessionId: first.sessionId });
    const job = await claimOne(db, { nodeId });
    const result = await cancelJob(db, job.id);
    assert.deepEqual(result, { sessionNum: first.sessionNum, nodeId, hasChanged: true, lanes: [] });
    assert.equal((await getJob(db, job.id))?.isHeld, true);
    assert.deepEqual(await claim(db, { nodeId }), []);
    const [answer] = await writeJournal(db, [makeLastEntry(job)]);
    assert.deepEqual([answer?.outcome, answer?.isCanceled, answer?.readyLanes], ['written', true, [tenant.laneId]]);
    assert.equal((await claimOne(db, { nodeId })).id, second.id);
  });

  test('stays canceled whatever its run says, and keeps what the run has made', async () => {
    const job = await claimNew();
    await cancelJob(db, job.id);
    await writeJournal(db, [fullEntry(job, { finish: { ...goodEnd, state: 'failed', error: 'late' } })]);
    const stored = await getJob(db, job.id);
    assert.deepEqual(
      [stored?.state, stored?.isHeld, stored?.error, stored?.completedAt],
      ['canceled', false, null, null],
    );
    assert.deepEqual(stored?.outcome, goodEnd.outcome);
    assert.deepEqual(await listArtifacts(db, job.id), [artifact]);
    assert.deepEqual(await typesOf(job.sessionNum), [
      'job.submitted',
      'job.started',
      'job.canceled',
      'step.finished',
      'message.created',
      'job.stopped',
    ]);
  });

  test('that was queued never runs, and does not hold up its session', async () => {
    const tenant = await makeTenant(db);
    const first = await acceptJob(db, tenant);
    const second = await acceptJob(db, { ...tenant, sessionId: first.sessionId });
    const result = await cancelJob(db, first.id);
    assert.deepEqual(result?.lanes, [tenant.laneId]);
    assert.equal((await claimOne(db, { nodeId })).id, second.id);
  });

  test('cannot be canceled again, nor can one that has ended', async () => {
    const job = await claimNew();
    await cancelJob(db, job.id);
    assert.equal((await cancelJob(db, job.id))?.hasChanged, false);
    const ended = await claimNew();
    await writeJournal(db, [makeLastEntry(ended)]);
    assert.equal((await cancelJob(db, ended.id))?.hasChanged, false);
    assert.equal((await getJob(db, ended.id))?.state, 'complete');
    assert.equal(await cancelJob(db, randomUUID()), undefined);
  });
});

test('after all this the invariants of the queue hold', async () => {
  assert.deepEqual(await findQueueBreaches(rows), []);
});
