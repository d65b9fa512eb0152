import { KaziError } from '../core/errors.ts';
import type { StoredWebhook } from '../core/webhook.ts';
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
  /** Where the news of its end goes. */
  readonly webhook?: StoredWebhook | null;
  /** A prompt that has not run after so many milliseconds never will. */
  readonly expiresMs?: number;
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
    }>('submissions/accept', [toDatabaseJson(submissions.map(toSubmissionRow))])
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
  const { code } = readFault(error);
  if (code === FOREIGN_SESSION) throw new KaziError('RECORD_USER_MISMATCH', { record: 'Session' }, { cause: error });
  throw code === BUSY_SESSION ? new KaziError('SESSION_BUSY', {}, { cause: error }) : error;
};

const readFault = (error: unknown): { readonly code?: string; readonly detail?: string } =>
  error instanceof Error ? (error as { readonly code?: string; readonly detail?: string }) : {};

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
  expires_ms: submission.expiresMs,
});

const toHexBytes = (bytes: Buffer): string => `\\x${bytes.toString('hex')}`;

/** What becomes of work whose client chose a rule for a busy session. */
export interface PlacementRule {
  readonly mode: 'enqueue' | 'reject' | 'interrupt' | 'steer' | 'merge' | 'drop';
  /** The run that would take the input at its next step; null = none does. */
  readonly targetJobId: string | null;
  /** Prompts that may wait, for one more; null = this is none. */
  readonly mostPrompts: number | null;
  /** Longest input that merging makes, in characters. */
  readonly mostCharacters: number;
  /** The answer to keep for a request that is sent again, by outcome. */
  readonly responses: Readonly<Record<PlacementOutcome, string>>;
}

/** started: may run now. interrupted: the run before it was stopped. steered: that run takes it, if it goes on. */
export type PlacementOutcome = 'started' | 'queued' | 'interrupted' | 'steered' | 'merged' | 'dropped';

export interface Placement {
  readonly outcome: PlacementOutcome | 'replay';
  /** The job that has the input now; null = none. */
  readonly jobId: string | null;
  /** The run that was interrupted, steered, or the job that the input joined. */
  readonly targetJobId: string | null;
  readonly sessionNum: number | null;
  readonly expiresAt: Date | null;
  readonly lanes: readonly number[];
  /** Prompts that wait, with this one; null for what is none. */
  readonly queueLength: number | null;
}

/** SQLSTATE of refuse_prompt (migration 0017); the detail is the number of prompts. */
const FULL_QUEUE = 'KZ003';
/** SQLSTATE of a merge whose idempotency key was taken meanwhile (migration 0017). */
const TAKEN_KEY = 'KZ004';

/** Accepts one job by a rule. Throws RECORD_USER_MISMATCH, SESSION_BUSY, QUEUE_FULL with `size` and `most`. */
export const placeJob = async (db: Queryable, submission: JobSubmission, rule: PlacementRule): Promise<Placement> => {
  const [row] = await db
    .query<PlacementRow>('submissions/place', [
      toDatabaseJson(toSubmissionRow(submission, 0)),
      rule.mode,
      rule.targetJobId,
      rule.mostPrompts,
      rule.mostCharacters,
      toDatabaseJson(rule.responses),
    ])
    .catch((error: unknown) => {
      const { code, detail } = readFault(error);
      if (code === TAKEN_KEY) return [TAKEN_BEFORE];
      if (code !== FULL_QUEUE) return explainRefusal(error);
      throw new KaziError('QUEUE_FULL', { size: Number(detail), most: rule.mostPrompts }, { cause: error });
    });
  if (!row) throw new Error('placing a job returned no row');
  return {
    outcome: row.outcome,
    jobId: row.job_id,
    targetJobId: row.target_job,
    sessionNum: row.session_num,
    expiresAt: row.expires_at,
    lanes: row.lanes,
    queueLength: row.queue_length,
  };
};

interface PlacementRow {
  outcome: Placement['outcome'];
  job_id: string | null;
  target_job: string | null;
  session_num: number | null;
  expires_at: Date | null;
  lanes: number[];
  queue_length: number | null;
}

const TAKEN_BEFORE: PlacementRow = {
  outcome: 'replay',
  job_id: null,
  target_job: null,
  session_num: null,
  expires_at: null,
  lanes: [],
  queue_length: null,
};
