import { type CronTimes, parseCron } from './cron.ts';
import type { ScheduleRule } from './schedule.ts';
import { openZone, type Zone } from './zone.ts';

/** Two due times of a schedule are at least so far apart (jobs API, section 14). */
export const MIN_DISTANCE_MS = 60_000;

/** The due times of a rule, as milliseconds of Unix time. */
export interface DueTimes {
  /** The first due time after an instant; null when none is to come. */
  nextAfter(instantMs: number): number | null;
}

/** Reads a rule. Throws INVALID_CRON, also for an expression without any time to come, and INVALID_TIMEZONE. */
export const openRule = (rule: ScheduleRule, open: (name: string) => Zone = openZone): DueTimes => {
  switch (rule.kind) {
    case 'once':
      return { nextAfter: (instantMs) => (rule.atMs > instantMs ? rule.atMs : null) };
    case 'interval':
      return { nextAfter: (instantMs) => nextOnGrid(rule, instantMs) };
    case 'cron':
      return openCronRule(parseCron(rule.cron), open(rule.zone));
  }
};

const nextOnGrid = ({ fromMs, everyMs }: ScheduleRule & { kind: 'interval' }, instantMs: number): number =>
  instantMs < fromMs ? fromMs : fromMs + (Math.floor((instantMs - fromMs) / everyMs) + 1) * everyMs;

const openCronRule = (times: CronTimes, zone: Zone): DueTimes => {
  return {
    nextAfter: (instantMs) => {
      // Later wall times never come at earlier instants, so the first that is late enough is the one. In the second
      // pass of a repeated hour the walk goes over wall times whose instant, in the first pass, has gone by.
      let wallMs = times.nextAfter(zone.toWall(instantMs));
      while (wallMs !== null) {
        const dueMs = zone.toInstant(wallMs);
        if (dueMs > instantMs) return dueMs;
        wallMs = times.nextAfter(wallMs);
      }
      return null;
    },
  };
};

/** The first due time after an instant that keeps its distance from the one before it. */
export const nextDue = (times: DueTimes, afterMs: number, lastDueMs: number | null): number | null =>
  times.nextAfter(lastDueMs === null ? afterMs : Math.max(afterMs, lastDueMs + MIN_DISTANCE_MS - 1));
