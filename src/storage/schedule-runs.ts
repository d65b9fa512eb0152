import type { PreviousState } from '../core/schedule/overlap.ts';
import type { Schedule, ScheduleRun } from '../core/schedule/schedule.ts';
import type { Queryable } from './database.ts';
import { toDatabaseJson } from './json.ts';
import { type ScheduleRow, toSchedule } from './schedule-row.ts';

/** A schedule that is due, and locked. */
export interface ClaimedSchedule {
  readonly schedule: Schedule;
  readonly now: Date;
  /** The run that made its job before this one. */
  readonly previous: { readonly jobId: string; readonly state: PreviousState } | null;
  /** True when so many of its last runs failed that it is to be paused. */
  readonly hasFailedOften: boolean;
}

/** Locks due schedules that nobody else has locked, the longest waiting first. */
export const claimDueSchedules = async (
  tx: Queryable,
  claim: {
    /** Null = the database's. */
    readonly now: Date | null;
    /** Null = of any. */
    readonly tenantId: string | null;
    readonly limit: number;
  },
): Promise<ClaimedSchedule[]> => {
  const rows = await tx.query<
    ScheduleRow & {
      now: Date;
      previous_id: string | null;
      previous_state: PreviousState | null;
      has_failed_often: boolean;
    }
  >('schedules/claim-due', [claim.now, claim.tenantId, claim.limit]);
  return rows.map((row) => ({
    schedule: toSchedule(row),
    now: row.now,
    previous:
      row.previous_id === null || row.previous_state === null
        ? null
        : { jobId: row.previous_id, state: row.previous_state },
    hasFailedOften: row.has_failed_often,
  }));
};

/** A run on its way in; its id is also that of its job. */
export interface NewRun {
  readonly id: string;
  readonly scheduleId: string;
  readonly dueAt: Date;
  readonly generation: number | null;
  readonly trigger: ScheduleRun['trigger'];
  readonly outcome: 'pending' | 'skipped';
  readonly reason: string | null;
  /** The job to cancel first. */
  readonly replaces: string | null;
}

/** Where a schedule goes after its due time. */
export interface ScheduleMove {
  readonly id: string;
  readonly nextDueAt: Date | null;
  readonly nextFireAt: Date | null;
  readonly lastDueAt: Date;
  readonly runCount: number;
  readonly enabled: boolean;
  /** Null keeps the one it has. */
  readonly lastRunId: string | null;
  /** Null keeps the one it has. */
  readonly lastError: string | null;
}

/** Writes runs and moves their schedules, which are locked; gives the ids of the runs that did not exist yet. */
export const recordDue = async (
  tx: Queryable,
  runs: readonly NewRun[],
  moves: readonly ScheduleMove[],
  leaseMs: number,
): Promise<ReadonlySet<string>> => {
  const rows = await tx.query<{ id: string }>('schedules/record-due', [
    toDatabaseJson(runs.map(toRunColumns)),
    toDatabaseJson(moves.map(toMoveColumns)),
    leaseMs,
  ]);
  return new Set(rows.map((row) => row.id));
};

/** Adds runs that a client asked for; gives the ids of those that are to be fired. */
export const addRuns = async (
  db: Queryable,
  runs: readonly NewRun[],
  leaseMs: number,
): Promise<ReadonlySet<string>> => {
  const rows = await db.query<{ id: string }>('schedules/add-runs', [toDatabaseJson(runs.map(toRunColumns)), leaseMs]);
  return new Set(rows.map((row) => row.id));
};

const toRunColumns = (run: NewRun): Record<string, unknown> => ({
  id: run.id,
  schedule_id: run.scheduleId,
  due_at: run.dueAt,
  generation: run.generation,
  trigger: run.trigger,
  outcome: run.outcome,
  reason: run.reason,
  replaces: run.replaces,
});

const toMoveColumns = (move: ScheduleMove): Record<string, unknown> => ({
  id: move.id,
  next_due_at: move.nextDueAt,
  next_fire_at: move.nextFireAt,
  last_due_at: move.lastDueAt,
  run_count: move.runCount,
  enabled: move.enabled,
  last_run_id: move.lastRunId,
  last_error: move.lastError,
});

/** A run whose job is to be made. */
export interface PendingRun {
  readonly id: string;
  readonly schedule: Schedule;
  readonly dueAt: Date;
  readonly trigger: ScheduleRun['trigger'];
  readonly replaces: string | null;
  /** Tries that failed. */
  readonly tries: number;
  /** True when another node may have made its job already. */
  readonly isTakenOver: boolean;
  /** When it was claimed. */
  readonly now: Date;
}

/** Takes runs whose next try has come, or whose node has died. */
export const takeOverRuns = async (db: Queryable, limit: number, leaseMs: number): Promise<PendingRun[]> => {
  const rows = await db.query<
    ScheduleRow & {
      run_id: string;
      due_at: Date;
      trigger: ScheduleRun['trigger'];
      replaces: string | null;
      tries: number;
      now: Date;
    }
  >('schedules/take-over', [limit, leaseMs]);
  return rows.map((row) => ({
    id: row.run_id,
    schedule: toSchedule(row),
    dueAt: row.due_at,
    trigger: row.trigger,
    replaces: row.replaces,
    tries: row.tries,
    isTakenOver: true,
    now: row.now,
  }));
};

/** What became of a run. */
export interface RunEnd {
  readonly id: string;
  readonly scheduleId: string;
  /** `pending` = to be tried again after the delay. */
  readonly outcome: 'fired' | 'failed' | 'pending';
  readonly reason: string | null;
  readonly tries: number;
  readonly delayMs: number | null;
}

export const finishRuns = async (db: Queryable, ends: readonly RunEnd[]): Promise<void> => {
  const rows = ends.map(({ id, outcome, reason, tries, delayMs }) => ({
    id,
    outcome,
    reason,
    tries,
    delay_ms: delayMs,
  }));
  await db.query('schedules/finish-runs', [toDatabaseJson(rows), ends.map((end) => end.scheduleId)]);
};

/** Milliseconds until a fire or a new try is due; null when none is to come. */
export const nextFireIn = async (db: Queryable): Promise<number | null> =>
  (await db.query<{ next_in_ms: number | null }>('schedules/next-in'))[0]?.next_in_ms ?? null;

/** Runs of a schedule, newest due time first. */
export const listScheduleRuns = async (
  db: Queryable,
  scheduleId: string,
  page: { readonly before: { readonly dueAt: Date; readonly id: string } | null; readonly limit: number },
): Promise<ScheduleRun[]> => {
  const { before, limit } = page;
  const rows = await db.query<{
    id: string;
    schedule_id: string;
    due_at: Date;
    trigger: ScheduleRun['trigger'];
    outcome: ScheduleRun['outcome'];
    reason: string | null;
    tries: number;
    retry_at: Date | null;
    fired_at: Date | null;
  }>('schedules/list-runs', [scheduleId, before?.dueAt ?? null, before?.id ?? null, limit]);
  return rows.map((row) => ({
    id: row.id,
    scheduleId: row.schedule_id,
    dueAt: row.due_at,
    trigger: row.trigger,
    outcome: row.outcome,
    reason: row.reason,
    tries: row.tries,
    retryAt: row.retry_at,
    firedAt: row.fired_at,
  }));
};

/** Forgets runs that are older than so many days. */
export const pruneScheduleRuns = async (db: Queryable, days: number, limit: number): Promise<void> => {
  await db.query('schedules/prune-runs', [days, limit]);
};
