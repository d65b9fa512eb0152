import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { type ClaimedJob, JOB_STATES, JOB_TRANSITIONS, type JobState, type JobTransition } from '../../src/core/job.ts';
import { releaseJobs, rescueJobs, writeJournal } from '../../src/storage/held-jobs.ts';
import { cancelJob, getJob } from '../../src/storage/jobs.ts';
import { retireNode } from '../../src/storage/nodes.ts';
import { createTestDatabase } from '../support/database.ts';
import {
  acceptJob,
  claim,
  emptyQueues,
  goodEnd,
  makeLastEntry,
  makeNode,
  makeTenant,
  openDatabase,
} from '../support/factories.ts';
import { rowsOf } from '../support/rows.ts';
import { findQueueBreaches } from './invariants.ts';

const database = await createTestDatabase();
const db = openDatabase(database.url);
const rows = rowsOf(database.url);
after(async () => await db.end());

const TRANSITIONS = Object.keys(JOB_TRANSITIONS.queued) as readonly JobTransition[];

/** A job, and the newest claim of it: what a node that does not know better would go on with. */
interface Subject {
  readonly id: string;
  claimed: ClaimedJob | undefined;
  nodeId: number;
  writeNum: number;
}

const end = async (subject: Subject, state: 'complete' | 'failed'): Promise<void> => {
  if (!subject.claimed) return;
  subject.writeNum += 1;
  const finish = { ...goodEnd, state, error: state === 'failed' ? 'no' : null };
  const events = [{ type: state === 'failed' ? 'job.failed' : 'job.completed' }] as const;
  await writeJournal(db, [makeLastEntry(subject.claimed, { writeNum: subject.writeNum, events, finish })]);
};

/** What each transition is in the database. */
const ACTIONS: Readonly<Record<JobTransition, (subject: Subject) => Promise<unknown>>> = {
  claim: async (subject) => {
    const [job] = await claim(db, { nodeId: subject.nodeId });
    if (!job) return;
    subject.claimed = job;
    subject.writeNum = 0;
  },
  complete: async (subject) => await end(subject, 'complete'),
  fail: async (subject) => await end(subject, 'failed'),
  requeue: async ({ id, claimed }) =>
    await releaseJobs(db, [{ jobId: id, leaseId: claimed?.leaseId ?? 0, delayMs: 0 }], 'test'),
  abandon: async (subject) => {
    await retireNode(db, subject.nodeId);
    await rescueJobs(db, { limit: 10, maxAttempts: 1 });
    subject.nodeId = await makeNode(db);
  },
  cancel: async ({ id }) => await cancelJob(db, id),
};

test('the database moves jobs exactly as JOB_TRANSITIONS says, in any order of events', async () => {
  const tenant = await makeTenant(db);
  const seen = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.array(fc.constantFrom(...TRANSITIONS), { minLength: 1, maxLength: 7 }), async (transitions) => {
      await emptyQueues(db, rows);
      const subject: Subject = {
        ...(await acceptJob(db, tenant)),
        claimed: undefined,
        nodeId: await makeNode(db),
        writeNum: 0,
      };
      let expected: JobState = 'queued';
      for (const transition of transitions) {
        await ACTIONS[transition](subject);
        seen.add(`${expected} ${transition}`);
        expected = JOB_TRANSITIONS[expected][transition] ?? expected;
        assert.equal((await getJob(db, subject.id))?.state, expected, `after ${transition}`);
      }
    }),
    // Every case of the table by itself first, so that chance decides nothing about its coverage.
    { numRuns: 90, examples: casesOfTable().map((transitions) => [transitions] as [JobTransition[]]) },
  );
  assert.equal(seen.size, JOB_STATES.length * TRANSITIONS.length);
  assert.deepEqual(await findQueueBreaches(rows), []);
});

function casesOfTable(): JobTransition[][] {
  const ways: Readonly<Record<JobState, JobTransition[]>> = {
    queued: [],
    running: ['claim'],
    complete: ['claim', 'complete'],
    failed: ['claim', 'fail'],
    canceled: ['claim', 'cancel'],
  };
  return JOB_STATES.flatMap((state) => TRANSITIONS.map((transition) => [...ways[state], transition]));
}

test('the table and the columns know the same states', async () => {
  const [check] = await rows<{ text: string }>(
    `select pg_get_constraintdef(oid) as text from pg_constraint where conname = 'jobs_state_check'`,
  );
  const states = [...(check?.text ?? '').matchAll(/'(\w+)'/g)].map((match) => match[1] ?? '');
  assert.deepEqual(states.toSorted(), JOB_STATES.toSorted());
});
