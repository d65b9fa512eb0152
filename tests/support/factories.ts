import { randomUUID } from 'node:crypto';
import { pino } from 'pino';
import type { ClaimedJob } from '../../src/core/job.ts';
import type { JobFinish, JournalEntry } from '../../src/core/journal.ts';
import { Database } from '../../src/storage/database.ts';
import type { ClaimRequest } from '../../src/storage/jobs.ts';
import { cancelJob, claimJobs } from '../../src/storage/jobs.ts';
import { registerNode } from '../../src/storage/nodes.ts';
import type { JobSubmission } from '../../src/storage/submissions.ts';
import { acceptJobs } from '../../src/storage/submissions.ts';
import { ensureLane, ensureTenant } from '../../src/storage/tenants.ts';
import type { Rows } from './rows.ts';

export const silentLog = pino({ level: 'silent' });

/** A pool for tests; the caller ends it. */
export const openDatabase = (url: string, maxConnections = 8): Database =>
  new Database({ url, maxConnections, log: silentLog });

/** A tenant of its own with one lane. */
export const makeTenant = async (
  db: Database,
  options: { readonly agent?: string; readonly maxRunning?: number | null } = {},
): Promise<{ readonly tenantId: string; readonly laneId: number }> => {
  const tenantId = `tenant-${randomUUID()}`;
  await ensureTenant(db, tenantId, null);
  const { agent = 'echo', maxRunning = null } = options;
  return { tenantId, laneId: await ensureLane(db, { tenantId, agent, maxRunning }) };
};

/** A valid submission into a session of its own. */
export const makeSubmission = (
  parts: Pick<JobSubmission, 'tenantId' | 'laneId'> & Partial<JobSubmission>,
): JobSubmission => ({
  id: randomUUID(),
  sessionId: randomUUID(),
  sessionNum: null,
  userId: null,
  enforceUser: false,
  agent: 'echo',
  agentVersion: null,
  priority: 0,
  scheduleAt: null,
  question: 'work',
  metadata: null,
  requestHash: null,
  idempotency: null,
  ...parts,
});

/** Accepts one job; gives its id and the number of its session. */
export const acceptJob = async (
  db: Database,
  parts: Pick<JobSubmission, 'tenantId' | 'laneId'> & Partial<JobSubmission>,
): Promise<{
  readonly id: string;
  readonly sessionId: string;
  readonly sessionNum: number;
  readonly readyLane: number | null;
}> => {
  const submission = makeSubmission(parts);
  const [answer] = await acceptJobs(db, [submission]);
  if (answer?.outcome !== 'accepted' || answer.sessionNum === null) throw new Error(`not accepted: ${answer?.outcome}`);
  return {
    id: submission.id,
    sessionId: submission.sessionId,
    sessionNum: answer.sessionNum,
    readyLane: answer.readyLane,
  };
};

/** A node whose lease outlives the test. */
export const makeNode = async (db: Database, leaseMs = 600_000): Promise<number> =>
  await registerNode(db, { role: 'runner', address: 'test', leaseMs });

/** One claim with generous limits. */
export const claim = async (
  db: Database,
  request: Pick<ClaimRequest, 'nodeId'> & Partial<ClaimRequest>,
): Promise<readonly ClaimedJob[]> => {
  const all = { slots: 100, afterLane: 0, hintedLanes: [], tenantCap: 50, windowLanes: 64, ...request };
  return (await claimJobs(db, all)).jobs;
};

/** The only job that a claim finds; throws when it finds none or more. */
export const claimOne = async (
  db: Database,
  request: Pick<ClaimRequest, 'nodeId'> & Partial<ClaimRequest>,
): Promise<ClaimedJob> => {
  const [job, ...others] = await claim(db, request);
  if (job === undefined || others.length > 0)
    throw new Error(`claimed ${others.length + (job ? 1 : 0)} jobs, expected one`);
  return job;
};

/** The end of a run that went well. */
export const goodEnd: JobFinish = {
  state: 'complete',
  error: null,
  outcome: {
    text: 'done',
    subtype: 'success',
    isError: false,
    turns: 1,
    toolCalls: 0,
    durationMs: 1,
    apiDurationMs: 0,
    usage: null,
    costMicros: 0,
    models: [],
  },
};

/** An entry of the journal for a claim. */
export const makeEntry = (job: ClaimedJob, parts: Partial<JournalEntry> = {}): JournalEntry => ({
  jobId: job.id,
  sessionNum: job.sessionNum,
  attempt: job.attempts,
  leaseId: job.leaseId,
  writeNum: 1,
  events: [],
  artifacts: [],
  finish: null,
  sandboxId: null,
  ...parts,
});

/** The entry that ends a claim well. */
export const makeLastEntry = (job: ClaimedJob, parts: Partial<JournalEntry> = {}): JournalEntry =>
  makeEntry(job, { events: [{ type: 'job.completed' }], finish: goodEnd, ...parts });

/** Cancels what earlier tests of the file have left in the queues, so that a claim finds the work of one test alone. */
export const emptyQueues = async (db: Database, rows: Rows): Promise<void> => {
  for (const { id } of await rows<{ id: string }>(`select id from jobs where state = 'queued'`))
    await cancelJob(db, id);
};
