import type { ClaimedJob, Job, JobState, WebhookStatus } from '../core/job.ts';
import type { Queryable } from './database.ts';

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
  webhook_url: string | null;
  webhook_secret_ref: string | null;
  webhook_attempts: number;
  webhook_status: number | null;
  webhook_error: string | null;
  webhook_delivered_at: Date | null;
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
  webhook: row.webhook_url === null ? null : toWebhookStatus(row, row.webhook_url),
});

const toWebhookStatus = (row: JobRow, url: string): WebhookStatus => ({
  url,
  secretRef: row.webhook_secret_ref,
  attempts: row.webhook_attempts,
  lastStatus: row.webhook_status,
  lastError: row.webhook_error,
  deliveredAt: row.webhook_delivered_at,
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

/** Cancels a job for good; undefined when there is none with that id. The reason is shown in its event; null = somebody did. */
export const cancelJob = async (
  db: Queryable,
  id: string,
  reason: 'stopped' | null = null,
): Promise<CancelResult | undefined> => {
  const [row] = await db.query<{ session_num: number; node_id: number | null; changed: boolean; lanes: number[] }>(
    'jobs/cancel',
    [id, reason],
  );
  return row && { sessionNum: row.session_num, nodeId: row.node_id, hasChanged: row.changed, lanes: row.lanes };
};
