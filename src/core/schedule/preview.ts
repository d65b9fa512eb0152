import { planFire } from './due-plan.ts';
import { type DueTimes, nextDue } from './next-due.ts';
import type { SchedulePolicy } from './schedule.ts';

/** The next due times of a schedule that waits for one, soonest first, as far as its end and its number of runs let it go. */
export const previewDues = (
  schedule: {
    readonly id: string;
    readonly times: DueTimes;
    readonly policy: SchedulePolicy;
    readonly runCount: number;
    readonly nextDueMs: number;
  },
  count: number,
): readonly number[] => {
  const { id, times, policy, runCount } = schedule;
  const most = policy.maxRuns === null ? count : Math.min(count, policy.maxRuns - runCount);
  const dues: number[] = [];
  let due: number | null = schedule.nextDueMs;
  while (due !== null && dues.length < most && planFire(id, policy, due) !== null) {
    dues.push(due);
    due = nextDue(times, due, due);
  }
  return dues;
};

/** The due times of a range, both ends included; more than `most` are not looked for: then one too many is given. */
export const duesBetween = (
  times: DueTimes,
  range: { readonly fromMs: number; readonly toMs: number },
  most: number,
): readonly number[] => {
  const dues: number[] = [];
  let due = times.nextAfter(range.fromMs - 1);
  while (due !== null && due <= range.toMs && dues.length <= most) {
    dues.push(due);
    due = nextDue(times, due, due);
  }
  return dues;
};
