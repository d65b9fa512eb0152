import { type DuePlan, planDue } from '../core/schedule/due-plan.ts';
import { runIdOf } from '../core/schedule/ids.ts';
import { decideOverlap } from '../core/schedule/overlap.ts';
import type { RuleBook } from '../core/schedule/rule-book.ts';
import { ruleOf } from '../core/schedule/terms.ts';
import type { Database } from '../storage/database.ts';
import {
  type ClaimedSchedule,
  claimDueSchedules,
  type NewRun,
  type PendingRun,
  recordDue,
  type ScheduleMove,
} from '../storage/schedule-runs.ts';

export interface DueClaim {
  /** The time that is taken for now; the database's when null. */
  readonly now: Date | null;
  /** Only schedules of this tenant; of any when null. */
  readonly tenantId: string | null;
  /** Most schedules that one claim takes. */
  readonly limit: number;
  /** How long others leave the runs alone. */
  readonly leaseMs: number;
  /** Kept by the caller from claim to claim. */
  readonly rules: RuleBook;
}

export interface ClaimedDue {
  /** Schedules that were due. */
  readonly scanned: number;
  /** What is to be fired, by whoever claimed it. */
  readonly runs: readonly PendingRun[];
}

/**
 * Takes due schedules: in one transaction their due times become runs, and they move on to what comes next. A run that is
 * committed here gets its job, by this node or, when it dies, by another.
 */
export const claimDue = async (db: Database, { leaseMs, rules, ...claim }: DueClaim): Promise<ClaimedDue> =>
  await db.transaction(async (tx) => {
    const claimed = await claimDueSchedules(tx, claim);
    if (claimed.length === 0) return { scanned: 0, runs: [] };
    const steps = claimed.map((each) => decide(each, rules));
    const made = await recordDue(
      tx,
      steps.flatMap((step) => step.runs),
      steps.map((step) => step.move),
      leaseMs,
    );
    const runs = steps.flatMap(({ claimed: { schedule, now }, runs: all }) =>
      all
        .filter((run) => run.outcome === 'pending' && made.has(run.id))
        .map(({ id, dueAt, trigger, replaces }) => ({
          id,
          schedule,
          dueAt,
          trigger,
          replaces,
          tries: 0,
          isTakenOver: false,
          now,
        })),
    );
    return { scanned: claimed.length, runs };
  });

interface Step {
  readonly claimed: ClaimedSchedule;
  readonly runs: readonly NewRun[];
  readonly move: ScheduleMove;
}

const decide = (claimed: ClaimedSchedule, rules: RuleBook): Step => {
  const { schedule, now } = claimed;
  const dueMs = (schedule.nextDueAt ?? now).getTime();
  if (claimed.hasFailedOften) return pause(claimed, dueMs);
  const plan = planDue({
    id: schedule.id,
    times: rules.open(ruleOf(schedule)),
    policy: schedule.policy,
    dueMs,
    nowMs: now.getTime(),
    runCount: schedule.runCount,
  });
  return toStep(claimed, plan, dueMs);
};

const toStep = (claimed: ClaimedSchedule, plan: DuePlan, firstMs: number): Step => {
  const { schedule } = claimed;
  const runs: NewRun[] = [];
  let { previous } = claimed;
  for (const dueMs of plan.dues) {
    const decision = decideOverlap(schedule.policy.overlap, previous);
    const trigger = plan.dues.length > 1 ? 'catch_up' : 'due';
    if (decision.action === 'skip') {
      runs.push({ ...emptyRun(claimed, dueMs), trigger, outcome: 'skipped', reason: decision.reason });
      continue;
    }
    const run: NewRun = { ...emptyRun(claimed, dueMs), trigger, outcome: 'pending', replaces: decision.replaces };
    runs.push(run);
    previous = { jobId: run.id, state: 'pending' };
  }
  const fired = runs.filter((run) => run.outcome === 'pending');
  const { missed, next } = plan;
  if (missed) runs.push({ ...emptyRun(claimed, missed.dueMs), outcome: 'skipped', reason: missed.reason });
  return {
    claimed,
    runs,
    move: {
      id: schedule.id,
      nextDueAt: next && new Date(next.dueMs),
      nextFireAt: next && new Date(next.fireMs),
      lastDueAt: new Date(plan.dues.at(-1) ?? missed?.dueMs ?? firstMs),
      runCount: schedule.runCount + plan.dues.length,
      // One that fires its last ends when that run has: until then it may have to be tried again.
      enabled: schedule.enabled && (next !== null || fired.length > 0),
      lastRunId: fired.at(-1)?.id ?? null,
      lastError: runs.findLast((run) => run.reason !== null)?.reason ?? null,
    },
  };
};

const pause = (claimed: ClaimedSchedule, dueMs: number): Step => {
  const { schedule } = claimed;
  const reason = `Paused after ${schedule.policy.pauseAfterFailures} failures in a row`;
  return {
    claimed,
    runs: [{ ...emptyRun(claimed, dueMs), outcome: 'skipped', reason }],
    move: {
      id: schedule.id,
      nextDueAt: null,
      nextFireAt: null,
      lastDueAt: new Date(dueMs),
      runCount: schedule.runCount,
      enabled: false,
      lastRunId: null,
      lastError: reason,
    },
  };
};

const emptyRun = ({ schedule }: ClaimedSchedule, dueMs: number): Omit<NewRun, 'outcome'> => ({
  id: runIdOf(schedule, dueMs),
  scheduleId: schedule.id,
  dueAt: new Date(dueMs),
  generation: schedule.generation,
  trigger: 'due',
  reason: null,
  replaces: null,
});
