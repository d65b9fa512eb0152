import { KaziError } from '../core/errors.ts';
import type { ClaimedJob, Job, JobState } from '../core/job.ts';
import type { Queryable } from './database.ts';
import { toDatabaseJson } from './json.ts';

/** A job on its way in; see migration 0004 for what each field does. */
export interface JobSubmission {
  readonly id: string;
  readonly tenantId: string;
  readonly sessionId: string;
  /** Where the caller knows the session's number. */
  readonly sessionNum: number | null;
  readonly userId: string | null;
  /** True: refuse when the session belongs to another user. */
  readonly enforceUser: boolean;
  readonly laneId: number;
  readonly agent: string;
  readonly agentVersion: number | null;
  readonly priority: number;
  readonly scheduleAt: Date | null;
  readonly question: string;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  /** Decimal text of a signed 64-bit number; null = not recorded. */
  readonly requestHash: string | null;
  readonly idempotency: IdempotencyRecord | null;
  /** True: refuse when the session has other work that runs, waits for a person or is due. */
  readonly onlyIfIdle?: boolean;
  /** Fewer starts than the operator gives. */
  readonly maxAttempts?: number;
  /** Where the news of its end goes, in the form that is kept: no secret in clear. */
  readonly webhook?: Readonly<Record<string, unknown>> | null;
}

/** The answer to keep for a request that is sent again. */
export interface IdempotencyRecord {
  readonly scope: Buffer;
  readonly requestHash: Buffer;
  readonly response: string;
  readonly keepMs: number;
}

export interface AcceptedJob {
  readonly outcome: 'accepted' | 'replay';
  /** Null unless accepted. */
  readonly createdAt: Date | null;
  readonly sessionNum: number | null;
  /** The lane that got claimable work; null when the job waits for another of its session or for its time. */
  readonly readyLane: number | null;
}

/**
 * Accepts a batch, all or nothing; answers in the order of the input. Two items never share an idempotency scope.
 * Throws RECORD_USER_MISMATCH when a session of the batch is another user's, SESSION_BUSY for one that has other work.
 */
export const acceptJobs = async (db: Queryable, submissions: readonly JobSubmission[]): Promise<AcceptedJob[]> => {
  const rows = await db
    .query<{
      ord: number;
      outcome: AcceptedJob['outcome'];
      session_num: number | null;
      created_at: Date | null;
      ready_lane: number | null;
    }>('jobs/accept', [toDatabaseJson(submissions.map(toSubmissionRow))])
    .catch(explainRefusal);
  const answers: AcceptedJob[] = [];
  for (const row of rows) {
    answers[row.ord] = {
      outcome: row.outcome,
      createdAt: row.created_at,
      sessionNum: row.session_num,
      readyLane: row.ready_lane,
    };
  }
  return answers;
};

/** SQLSTATE of refuse_session (migration 0004): somebody else made the session in the same moment. */
const FOREIGN_SESSION = 'KZ001';
/** SQLSTATE of refuse_busy (migration 0014). */
const BUSY_SESSION = 'KZ002';

const explainRefusal = (error: unknown): never => {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  if (code === FOREIGN_SESSION) throw new KaziError('RECORD_USER_MISMATCH', { record: 'Session' }, { cause: error });
  throw code === BUSY_SESSION ? new KaziError('SESSION_BUSY', {}, { cause: error }) : error;
};

/** Absent fields are null to PostgreSQL, and cost it nothing to read. */
const toSubmissionRow = (submission: JobSubmission, ord: number): Record<string, unknown> => ({
  ord,
  id: submission.id,
  tenant_id: submission.tenantId,
  session_id: submission.sessionId,
  session_num: submission.sessionNum ?? undefined,
  user_id: submission.userId ?? undefined,
  enforce_user: submission.enforceUser,
  lane_id: submission.laneId,
  agent: submission.agent,
  agent_version: submission.agentVersion ?? undefined,
  priority: submission.priority,
  schedule_at: submission.scheduleAt ?? undefined,
  question: submission.question,
  metadata: submission.metadata ?? undefined,
  request_hash: submission.requestHash ?? undefined,
  idempotency_scope: submission.idempotency ? toHexBytes(submission.idempotency.scope) : undefined,
  idempotency_hash: submission.idempotency ? toHexBytes(submission.idempotency.requestHash) : undefined,
  idempotency_response: submission.idempotency?.response,
  idempotency_ms: submission.idempotency?.keepMs,
  only_if_idle: submission.onlyIfIdle,
  max_attempts: submission.maxAttempts,
  webhook: submission.webhook ?? undefined,
});

const toHexBytes = (bytes: Buffer): string => `\\x${bytes.toString('hex')}`;

export interface Promotion {
  readonly lanes: readonly number[];
  readonly promoted: number;
  /** Milliseconds until the next waiting head falls due; null when none waits. */
  readonly nextInMs: number | null;
}

/** Makes due heads claimable, at most `limit` sessions. */
export const promoteSessions = async (db: Queryable, limit: number): Promise<Promotion> => {
  const [row] = await db.query<{ lanes: number[]; promoted: number; next_in_ms: number | null }>('jobs/promote', [
    limit,
  ]);
  return { lanes: row?.lanes ?? [], promoted: row?.promoted ?? 0, nextInMs: row?.next_in_ms ?? null };
};

export interface ClaimRequest {
  readonly nodeId: number;
  readonly slots: number;
  /** Lane after which the window begins: the cursor of the last claim. */
  readonly afterLane: number;
  readonly hintedLanes: readonly number[];
  readonly tenantCap: number;
  readonly windowLanes: number;
}

export interface Claim {
  /** True when the node's own lease has run out. */
  readonly isLost: boolean;
  readonly jobs: readonly ClaimedJob[];
  readonly cursorLane: number;
  /** True when the window reached the last lane and began again. */
  readonly hasWrapped: boolean;
  /** True when other claims held tenants of the window: their work was not looked at. */
  readonly isContended: boolean;
}

type ClaimRow = { lost: boolean; cursor_lane: number; wrapped: boolean; contended: boolean } & {
  [column in keyof ClaimedJobRow]: ClaimedJobRow[column] | null;
};

interface ClaimedJobRow {
  id: string;
  lease_id: number;
  num: number;
  tenant_id: string;
  session_num: number;
  session_id: string;
  user_id: string | null;
  agent: string;
  agent_version: number | null;
  attempts: number;
  question: string;
  metadata: Record<string, unknown> | null;
  created_at: Date;
  started_at: Date;
}

/** Takes due jobs for a node; caps hold over all nodes. */
export const claimJobs = async (db: Queryable, request: ClaimRequest): Promise<Claim> => {
  const rows = await db.query<ClaimRow>('jobs/claim', [
    request.nodeId,
    request.slots,
    request.afterLane,
    request.hintedLanes,
    request.tenantCap,
    request.windowLanes,
  ]);
  const first = rows[0];
  return {
    isLost: first?.lost ?? false,
    cursorLane: first?.cursor_lane ?? request.afterLane,
    // No row at all: no lane had work.
    hasWrapped: first?.wrapped ?? true,
    isContended: first?.contended ?? false,
    jobs: rows.filter((row): row is ClaimRow & ClaimedJobRow => row.id !== null).map(toClaimedJob),
  };
};

const toClaimedJob = (row: ClaimedJobRow): ClaimedJob => ({
  id: row.id,
  num: row.num,
  leaseId: row.lease_id,
  tenantId: row.tenant_id,
  sessionNum: row.session_num,
  sessionId: row.session_id,
  userId: row.user_id,
  agent: row.agent,
  agentVersion: row.agent_version,
  attempts: row.attempts,
  question: row.question,
  metadata: row.metadata,
  createdAt: row.created_at,
  startedAt: row.started_at,
});

interface JobRow {
  id: string;
  num: number;
  tenant_id: string;
  session_id: string;
  session_num: number;
  user_id: string | null;
  agent: string;
  agent_version: number | null;
  state: JobState;
  is_held: boolean;
  attempts: number;
  first_seq: number;
  question: string;
  metadata: Record<string, unknown> | null;
  sandbox_id: string | null;
  schedule_at: Date | null;
  created_at: Date;
  updated_at: Date;
  started_at: Date | null;
  completed_at: Date | null;
  canceled_at: Date | null;
  error: string | null;
  outcome: Job['outcome'];
}

const toJob = (row: JobRow): Job => ({
  id: row.id,
  num: row.num,
  tenantId: row.tenant_id,
  sessionId: row.session_id,
  sessionNum: row.session_num,
  userId: row.user_id,
  agent: row.agent,
  agentVersion: row.agent_version,
  state: row.state,
  isHeld: row.is_held,
  attempts: row.attempts,
  firstSeq: row.first_seq,
  question: row.question,
  metadata: row.metadata,
  sandboxId: row.sandbox_id,
  scheduleAt: row.schedule_at,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
  startedAt: row.started_at,
  completedAt: row.completed_at,
  canceledAt: row.canceled_at,
  error: row.error,
  outcome: row.outcome,
});

/** The job with that id, of any tenant: the caller checks who may read it. */
export const getJob = async (db: Queryable, id: string): Promise<Job | undefined> => {
  const [row] = await db.query<JobRow>('jobs/get', [id]);
  return row && toJob(row);
};

export interface JobFilter {
  readonly tenantId: string;
  /** undefined = of any user; null = only jobs without a user. */
  readonly userId: string | null | undefined;
  readonly sessionIds: readonly string[] | null;
  readonly states: readonly JobState[] | null;
  readonly agent: string | null;
  /** Only jobs with a smaller num. */
  readonly beforeNum: number | null;
  readonly limit: number;
}

/** Jobs of a tenant, newest first. */
export const listJobs = async (db: Queryable, filter: JobFilter): Promise<Job[]> => {
  const rows = await db.query<JobRow>('jobs/list', [
    filter.tenantId,
    filter.userId ?? null,
    filter.sessionIds,
    filter.states,
    filter.agent,
    filter.beforeNum,
    filter.limit,
    filter.userId === null,
  ]);
  return rows.map(toJob);
};

/** The same for one session, which has an index of its own. */
export const listSessionJobs = async (db: Queryable, sessionNum: number, filter: JobFilter): Promise<Job[]> => {
  const rows = await db.query<JobRow>('jobs/list-session', [
    sessionNum,
    filter.userId ?? null,
    filter.states,
    filter.agent,
    filter.beforeNum,
    filter.limit,
    filter.userId === null,
  ]);
  return rows.map(toJob);
};

/** Id of the newest job that a request with this hash made within the age; for retries of SDKs without a key. */
export const findJobByRequest = async (
  db: Queryable,
  request: {
    readonly tenantId: string;
    readonly userId: string | null;
    readonly requestHash: string;
    readonly maxAgeMs: number;
  },
): Promise<string | undefined> => {
  const [row] = await db.query<{ id: string }>('jobs/find-request', [
    request.tenantId,
    request.userId,
    request.requestHash,
    request.maxAgeMs,
  ]);
  return row?.id;
};

export interface CancelResult {
  readonly sessionNum: number;
  /** The node that holds the job and must let it go; null when none does. */
  readonly nodeId: number | null;
  /** False when the job had already ended. */
  readonly hasChanged: boolean;
  readonly lanes: readonly number[];
}

/** Cancels a job for good; undefined when there is none with that id. */
export const cancelJob = async (db: Queryable, id: string): Promise<CancelResult | undefined> => {
  const [row] = await db.query<{ session_num: number; node_id: number | null; changed: boolean; lanes: number[] }>(
    'jobs/cancel',
    [id],
  );
  return row && { sessionNum: row.session_num, nodeId: row.node_id, hasChanged: row.changed, lanes: row.lanes };
};
