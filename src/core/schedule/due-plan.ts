import { jitterOf } from './jitter.ts';
import { type DueTimes, MIN_DISTANCE_MS, nextDue } from './next-due.ts';
import type { SchedulePolicy } from './schedule.ts';

/** Missed due times that one outage may give back. */
export const MAX_CATCH_UP = 100;
/** How late a fire may be before its due time counts as missed, where nothing is caught up. */
const GRACE_MS = MIN_DISTANCE_MS;

/** A schedule whose time has come. Times are milliseconds of Unix time. */
export interface DueSchedule {
  readonly id: string;
  readonly times: DueTimes;
  readonly policy: SchedulePolicy;
  /** The due time that was waited for. */
  readonly dueMs: number;
  readonly nowMs: number;
  /** Due times that were used before. */
  readonly runCount: number;
}

export interface DuePlan {
  /** Due times to use now, oldest first. */
  readonly dues: readonly number[];
  /** The oldest due time that is given up, and why; null when none is. */
  readonly missed: { readonly dueMs: number; readonly reason: string } | null;
  /** What to wait for next; null when the schedule has come to its end. */
  readonly next: PlannedFire | null;
}

export interface PlannedFire {
  readonly dueMs: number;
  readonly fireMs: number;
}

/** Decides which due times a schedule uses now, and what it waits for after that. */
export const planDue = (schedule: DueSchedule): DuePlan => {
  const { policy, runCount } = schedule;
  const reachable = findReachable(schedule);
  const room = policy.maxRuns === null ? Number.POSITIVE_INFINITY : policy.maxRuns - runCount;
  const dues = reachable.dues.slice(0, Math.max(0, room));
  const isSpent = dues.length >= room;
  return { dues, missed: reachable.missed, next: isSpent ? null : planNext(schedule, reachable.passed) };
};

/** The first fire later than now. Due times up to `passedMs` are over. */
const planNext = (schedule: DueSchedule, passedMs: number): PlannedFire | null => {
  const { id, times, policy, nowMs } = schedule;
  // With a jitter, a due time that has passed may still have its fire to come.
  let dueMs = nextDue(times, Math.max(passedMs, nowMs - policy.jitterSeconds * 1_000), passedMs);
  while (dueMs !== null && dueMs + jitterOf(id, dueMs, policy.jitterSeconds) <= nowMs) {
    dueMs = nextDue(times, dueMs, dueMs);
  }
  return dueMs === null ? null : planFire(id, policy, dueMs);
};

/** When a due time fires; null when the schedule has ended before it. */
export const planFire = (
  id: string,
  { endsAt, jitterSeconds }: Pick<SchedulePolicy, 'endsAt' | 'jitterSeconds'>,
  dueMs: number,
): PlannedFire | null =>
  endsAt !== null && dueMs > endsAt.getTime() ? null : { dueMs, fireMs: dueMs + jitterOf(id, dueMs, jitterSeconds) };

interface Reachable {
  readonly dues: readonly number[];
  readonly missed: DuePlan['missed'];
  /** The last due time that was looked at. */
  readonly passed: number;
}

const findReachable = (schedule: DueSchedule): Reachable => {
  const { id, times, policy, dueMs, nowMs } = schedule;
  const window = windowOf(policy);
  const fireOf = (due: number): number => due + jitterOf(id, due, policy.jitterSeconds);
  const isOver = (due: number): boolean =>
    fireOf(due) > nowMs || (policy.endsAt !== null && due > policy.endsAt.getTime());
  const isTooOld = nowMs - fireOf(dueMs) > window;
  const missed = isTooOld ? { dueMs, reason: `Missed: it was due more than ${window / 1_000} s ago` } : null;
  const first = isTooOld ? nextDue(times, nowMs - window - 1, dueMs) : dueMs;
  if (first === null || isOver(first)) return { dues: [], missed, passed: dueMs };
  if (policy.catchUp !== 'all') return { dues: [first], missed, passed: first };
  const dues = [first];
  let due = nextDue(times, first, first);
  while (due !== null && !isOver(due) && dues.length < MAX_CATCH_UP) {
    dues.push(due);
    due = nextDue(times, due, due);
  }
  const passed = dues.at(-1) ?? first;
  if (due === null || isOver(due)) return { dues, missed, passed };
  return {
    dues,
    missed: { dueMs: due, reason: `Missed: more than ${MAX_CATCH_UP} were to be caught up` },
    passed: due,
  };
};

const windowOf = ({ catchUp, catchUpWindowSeconds }: SchedulePolicy): number => {
  const window = catchUpWindowSeconds === null ? Number.POSITIVE_INFINITY : catchUpWindowSeconds * 1_000;
  return catchUp === 'none' ? Math.min(window, GRACE_MS) : window;
};
