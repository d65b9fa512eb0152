import type { ApprovalRequest } from '../core/approval.ts';
import type { ArtifactEntry } from '../core/artifact.ts';
import type { JournalEntry, JournalEvent } from '../core/journal.ts';
import type { ModelRequestEntry } from '../core/model-batch.ts';
import type { ModelCall } from '../core/model-call.ts';
import type { Queryable } from './database.ts';
import { toDatabaseJson, toDatabaseText } from './json.ts';

/** What became of an entry. `lost`: the job is no longer this claim's, and nothing was written. */
export interface JournalAnswer {
  readonly outcome: 'written' | 'repeated' | 'lost';
  /** True when somebody canceled the job: stop its run. */
  readonly isCanceled: boolean;
  /** Newest seq of the session's log; null unless written. */
  readonly lastSeq: number | null;
  /** Lanes that got claimable work because entries of the batch freed their sessions; the same in each answer. */
  readonly readyLanes: readonly number[];
  /** Parked jobs that may have waited for the end of one of these; the same in each answer. Wake them. */
  readonly waiting: readonly string[];
}

/** Writes entries of held jobs in one transaction; answers in the order of the input. */
export const writeJournal = async (db: Queryable, entries: readonly JournalEntry[]): Promise<JournalAnswer[]> => {
  const rows = await db.query<{
    ord: number;
    outcome: JournalAnswer['outcome'];
    canceled: boolean;
    last_seq: number | null;
    ready_lanes: number[];
    waiting: string[];
  }>('jobs/journal', [toDatabaseJson(entries.map(toEntryRow))]);
  const answers: JournalAnswer[] = [];
  for (const row of rows) {
    answers[row.ord] = {
      outcome: row.outcome,
      isCanceled: row.canceled,
      lastSeq: row.last_seq,
      readyLanes: row.ready_lanes,
      waiting: row.waiting,
    };
  }
  return answers;
};

const toEntryRow = (entry: JournalEntry, ord: number): Record<string, unknown> => ({
  ord,
  session_num: entry.sessionNum,
  job_id: entry.jobId,
  attempt: entry.attempt,
  lease_id: entry.leaseId,
  write_num: entry.writeNum,
  events: entry.events.map(toEventLine),
  artifacts: entry.artifacts.length > 0 ? entry.artifacts.map(toArtifactRow) : undefined,
  finish: entry.finish ?? undefined,
  sandbox_id: entry.sandboxId ?? undefined,
  notes: toNotes(entry),
});

const toEventLine = ({ type, data, message, step }: JournalEvent): Record<string, unknown> => ({
  type,
  data,
  message,
  step,
});

/** What the events of an entry bring beside themselves (migrations 0010, 0040); undefined for most. */
const toNotes = (entry: JournalEntry): Record<string, unknown> | undefined => {
  const { events, compact } = entry;
  const calls = events.flatMap(({ modelCall: call, step }) =>
    call === undefined || step === undefined ? [] : [toCallRow(call, step.ordinal)],
  );
  const approvals = events.flatMap(({ approval }) => (approval === undefined ? [] : [toApprovalRow(approval)]));
  const requests = events.flatMap(({ modelRequest }) => (modelRequest ? [toRequestRow(modelRequest)] : []));
  const summary = events.findLast((event) => event.summary !== undefined)?.summary;
  if (calls.length + approvals.length + requests.length === 0 && summary === undefined && compact === undefined)
    return undefined;
  return {
    ...(calls.length > 0 ? { calls } : {}),
    ...(approvals.length > 0 ? { approvals } : {}),
    ...(requests.length > 0 ? { requests } : {}),
    ...(summary === undefined ? {} : { summary }),
    ...(compact === undefined ? {} : { compact: { step: compact.step, after_seq: compact.afterSeq } }),
  };
};

const toCallRow = (call: ModelCall, ordinal: number): Record<string, unknown> => ({
  ordinal,
  provider: call.provider,
  model: call.model,
  usage: call.usage,
  cost_micros: call.costMicros,
  duration_ms: Math.round(call.durationMs),
  request_id: call.requestId,
});

const toRequestRow = ({ heldMicros, ...request }: ModelRequestEntry): Record<string, unknown> => ({
  ...request,
  held_micros: heldMicros,
});

const toApprovalRow = (approval: ApprovalRequest): Record<string, unknown> => ({
  id: approval.id,
  ordinal: approval.ordinal,
  kind: approval.kind,
  tool: approval.tool,
  input: approval.input,
  expires_ms: approval.expiresMs,
  on_expiry: approval.onExpiry,
});

const toArtifactRow = (artifact: ArtifactEntry): Record<string, unknown> => ({
  path: artifact.path,
  sha256: artifact.sha256,
  size_bytes: artifact.sizeBytes,
  content_type: artifact.contentType,
  modified_at: artifact.modifiedAt,
  created_at: artifact.createdAt,
});

/** One claim that a node gives back. */
export interface Release {
  readonly jobId: string;
  readonly leaseId: number;
  /** How long the job waits before it may be claimed again. */
  readonly delayMs: number;
}

export interface ReleaseResult {
  readonly released: number;
  readonly sessions: readonly number[];
  readonly lanes: readonly number[];
}

/**
 * Puts held jobs back into their queues; a claim that is no longer held is left alone. A job that has used maxAttempts
 * fails instead; null = this start was not its fault and does not count.
 */
export const releaseJobs = async (
  db: Queryable,
  releases: readonly Release[],
  reason: string,
  maxAttempts: number | null = null,
): Promise<ReleaseResult> => {
  const [row] = await db.query<ReleaseResult>('jobs/release', [
    releases.map((release) => release.jobId),
    releases.map((release) => release.leaseId),
    releases.map((release) => release.delayMs),
    toDatabaseText(reason),
    maxAttempts,
  ]);
  return row ?? { released: 0, sessions: [], lanes: [] };
};

/**
 * Gives a held job back until it is woken, or the time is over; its start does not count. When what it waits for has
 * happened meanwhile, it is due at once.
 */
export const parkJob = async (
  db: Queryable,
  park: { readonly jobId: string; readonly leaseId: number; readonly wakeAfterMs: number; readonly reason: string },
): Promise<ReleaseResult> => {
  const [row] = await db.query<ReleaseResult>('jobs/park', [
    park.jobId,
    park.leaseId,
    Math.ceil(park.wakeAfterMs),
    toDatabaseText(park.reason),
  ]);
  return row ?? { released: 0, sessions: [], lanes: [] };
};

/** Makes a parked job due at once, and does nothing to any other; gives the lanes that got claimable work. */
export const wakeJob = async (db: Queryable, jobId: string): Promise<readonly number[]> => {
  const [row] = await db.query<{ lanes: number[] }>('jobs/wake', [jobId]);
  return row?.lanes ?? [];
};

export interface RescueResult extends ReleaseResult {
  /** Nodes that this call declared dead. */
  readonly dead: readonly number[];
}

/** Declares expired nodes dead and takes back what dead nodes hold. */
export const rescueJobs = async (
  db: Queryable,
  options: { readonly limit: number; readonly maxAttempts: number },
): Promise<RescueResult> => {
  const [row] = await db.query<RescueResult>('jobs/rescue', [options.limit, options.maxAttempts]);
  return row ?? { dead: [], released: 0, sessions: [], lanes: [] };
};

/** A claim, as the table has it. */
export interface HeldClaim {
  readonly jobId: string;
  readonly leaseId: number;
  readonly isCanceled: boolean;
  /** True when there is something to tell its run (takeNotice). */
  readonly hasNews: boolean;
}

/** What the table says that a node holds. */
export const listHeldJobs = async (db: Queryable, nodeId: number): Promise<HeldClaim[]> => {
  const rows = await db.query<{ id: string; lease_id: number; canceled: boolean; has_news: boolean }>('jobs/held', [
    nodeId,
  ]);
  return rows.map((row) => ({
    jobId: row.id,
    leaseId: row.lease_id,
    isCanceled: row.canceled,
    hasNews: row.has_news,
  }));
};
