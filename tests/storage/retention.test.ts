import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { eventBounds, pruneEvents } from '../../src/storage/events.ts';
import { writeJournal } from '../../src/storage/held-jobs.ts';
import { createWorker, deleteWorker } from '../../src/storage/workers.ts';
import { createTestDatabase } from '../support/database.ts';
import {
  acceptJob,
  claimOne,
  goodEnd,
  makeLastEntry,
  makeNode,
  makeTenant,
  openDatabase,
} from '../support/factories.ts';
import { rowsOf } from '../support/rows.ts';

const database = await createTestDatabase();
const db = openDatabase(database.url);
const rows = rowsOf(database.url);
after(async () => await db.end());

const DAY_MS = 86_400_000;
const firstOf = async (sessionNum: number): Promise<number | null | undefined> =>
  (await eventBounds(db, sessionNum))?.first;

test('leaves the log of a worker whole for as long as there is the worker', async () => {
  const tenant = await makeTenant(db);
  const nodeId = await makeNode(db);
  const { sessionNum } = await acceptJob(db, tenant);
  const job = await claimOne(db, { nodeId });
  await writeJournal(db, [makeLastEntry(job, { writeNum: 1, events: [{ type: 'job.completed' }], finish: goodEnd })]);
  const worker = { tenantId: job.tenantId, id: job.sessionId };
  await createWorker(db, { ...worker, mailToken: 'abcdefgh' });
  await rows(`update events set at = at - interval '2 days' where session_num = $1`, [sessionNum]);
  assert.equal(await pruneEvents(db, { olderThanMs: DAY_MS, sessions: 10 }), 0);
  assert.equal(await deleteWorker(db, worker), true);
  assert.equal(await pruneEvents(db, { olderThanMs: DAY_MS, sessions: 10 }), 1);
});

test('forgets what is older, from the beginning of a log on, and only where no work is open', async () => {
  const tenant = await makeTenant(db);
  const nodeId = await makeNode(db);
  const ended = await acceptJob(db, tenant);
  const job = await claimOne(db, { nodeId });
  const events = [{ type: 'warning.raised' }, { type: 'warning.raised' }, { type: 'job.completed' }] as const;
  await writeJournal(db, [makeLastEntry(job, { writeNum: 1, events, finish: goodEnd })]);
  const running = await acceptJob(db, tenant);
  await claimOne(db, { nodeId });
  const waiting = await acceptJob(db, tenant);
  // The newest two of the ended one are young: what is older goes, and they stay.
  await rows(
    `update events set at = at - interval '2 days' where session_num <> $1 or seq <= (select event_seq - 2 from sessions where num = $1)`,
    [ended.sessionNum],
  );
  assert.equal(await pruneEvents(db, { olderThanMs: DAY_MS, sessions: 10 }), 1);
  assert.equal(await firstOf(ended.sessionNum), 4);
  assert.deepEqual([await firstOf(running.sessionNum), await firstOf(waiting.sessionNum)], [1, 1]);
  assert.equal(await pruneEvents(db, { olderThanMs: DAY_MS, sessions: 10 }), 0);
});
