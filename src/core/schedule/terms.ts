import { KaziError } from '../errors.ts';
import { type PlannedFire, planFire } from './due-plan.ts';
import { type DueTimes, nextDue, openRule } from './next-due.ts';
import type { ScheduleRule, ScheduleTerms } from './schedule.ts';

/**
 * Reads the rule of terms that came from a client. Throws RUN_AT_REQUIRED, CRON_REQUIRED, CRON_NOT_ALLOWED, PERIOD_REQUIRED,
 * PERIOD_NOT_ALLOWED, INVALID_CRON, INVALID_TIMEZONE and OVERLAP_NOT_ALLOWED.
 */
export const readTerms = (terms: ScheduleTerms, sessionMode: 'same' | 'new'): DueTimes => {
  checkKind(terms);
  const times = openRule(ruleOf(terms));
  // Other kinds do not use their zone, but it is shown, and may be used by a later kind.
  openRule({ kind: 'cron', cron: '@daily', zone: terms.timezone });
  const { overlap } = terms.policy;
  const isForOneSession = overlap === 'queue_one' || overlap === 'queue_all';
  if (sessionMode === 'new' ? isForOneSession : overlap === 'allow') {
    throw new KaziError('OVERLAP_NOT_ALLOWED', { overlap, mode: sessionMode });
  }
  return times;
};

const checkKind = ({ kind, runAt, cron, periodSeconds }: ScheduleTerms): void => {
  const isOnce = kind === 'one_off';
  if (isOnce && runAt === null) throw new KaziError('RUN_AT_REQUIRED');
  if (kind === 'cron' && cron === null) throw new KaziError('CRON_REQUIRED');
  if (kind !== 'cron' && cron !== null) throw new KaziError('CRON_NOT_ALLOWED', { kind });
  const hasPeriod = kind === 'interval' || kind === 'delay';
  if (hasPeriod && periodSeconds === null) throw new KaziError('PERIOD_REQUIRED', { kind });
  if (!hasPeriod && periodSeconds !== null) throw new KaziError('PERIOD_NOT_ALLOWED', { kind });
};

/** When a schedule of these terms is due. A `run_at` that is missing must have been filled in. */
export const ruleOf = ({ kind, runAt, cron, timezone, periodSeconds }: ScheduleTerms): ScheduleRule => {
  const atMs = runAt?.getTime() ?? 0;
  if (kind === 'cron') return { kind, cron: cron ?? '', zone: timezone };
  return kind === 'interval' ? { kind, fromMs: atMs, everyMs: (periodSeconds ?? 0) * 1_000 } : { kind: 'once', atMs };
};

/**
 * What a schedule waits for when its terms begin to hold; null when it is not enabled, or has ended. A time in the past
 * counts for a schedule of one time, which then fires at once. Throws INVALID_CRON where no time is ever to come.
 */
export const planFirst = (
  schedule: { readonly id: string; readonly terms: ScheduleTerms; readonly times: DueTimes },
  since: { readonly nowMs: number; readonly lastRunMs: number | null; readonly lastDueMs: number | null },
): PlannedFire | null => {
  const { id, terms, times } = schedule;
  const rule = ruleOf(terms);
  const afterMs = Math.max(since.nowMs, since.lastRunMs ?? since.nowMs);
  const dueMs = rule.kind === 'once' ? rule.atMs : nextDue(times, afterMs, since.lastDueMs);
  if (dueMs === null) throw new KaziError('INVALID_CRON');
  return terms.enabled ? planFire(id, terms.policy, dueMs) : null;
};
