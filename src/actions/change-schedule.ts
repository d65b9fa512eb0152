import { KaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import type { PlannedFire } from '../core/schedule/due-plan.ts';
import type { Schedule, SchedulePolicy, ScheduleTerms } from '../core/schedule/schedule.ts';
import { planFirst, readTerms } from '../core/schedule/terms.ts';
import type { StoredWebhook, WebhookRequest } from '../core/webhook.ts';
import { lockSchedule, updateSchedule } from '../storage/schedules.ts';
import type { ActionContext } from './context.ts';
import { withStart } from './create-schedule.ts';
import { findSchedule } from './find-schedule.ts';
import { resolveAgent } from './resolve-agent.ts';
import { keepWebhook } from './schedule-webhook.ts';

/** What a client changes; a key that is absent stays as it is. */
export type ScheduleChange = Partial<Omit<ScheduleTerms, 'kind' | 'policy' | 'webhook'>> & {
  readonly webhook?: WebhookRequest | null;
  readonly policy?: Partial<SchedulePolicy>;
};

/** A change of one of these makes the schedule look for its next time anew. */
const ABOUT_TIME = ['runAt', 'cron', 'timezone', 'enabled', 'periodSeconds'] as const;

/** Changes a schedule; gives it as it is then. Throws as findSchedule and createSchedule do. */
export const changeSchedule = async (
  context: ActionContext,
  principal: Principal,
  { id, change }: { readonly id: string; readonly change: ScheduleChange },
): Promise<Schedule> => {
  const found = await findSchedule(context.db, principal, id);
  if (change.agent) await resolveAgent(context.db, principal.tenantId, change.agent);
  const { webhook: wanted, ...rest } = change;
  const webhook =
    wanted === undefined
      ? undefined
      : await keepWebhook(context, principal.tenantId, { wanted, before: found.webhook });
  const applied: AppliedChange = { ...rest, ...(webhook === undefined ? {} : { webhook }) };
  const changed = await context.db.transaction(async (tx) => {
    const now = await lockSchedule(tx, principal.tenantId, id);
    if (now === undefined) throw new KaziError('SCHEDULE_NOT_FOUND');
    const before = await findSchedule(tx, principal, id);
    await updateSchedule(tx, before, applyChange(before, applied, now));
    return await findSchedule(tx, principal, id);
  });
  context.notifications.publish('schedules', 0);
  return changed;
};

type AppliedChange = Omit<ScheduleChange, 'webhook'> & { readonly webhook?: StoredWebhook | null };

const applyChange = (
  before: Schedule,
  change: AppliedChange,
  now: Date,
): { readonly terms: ScheduleTerms; readonly next: PlannedFire | null; readonly isArmedAnew: boolean } => {
  if ('periodSeconds' in change && before.kind !== 'interval') {
    throw new KaziError('PERIOD_NOT_ALLOWED', { kind: before.kind });
  }
  const merged: ScheduleTerms = {
    ...before,
    ...change,
    policy: { ...before.policy, ...change.policy },
  };
  // A delay is counted once: its time is what is changed from then on.
  const terms = before.kind === 'delay' && merged.runAt !== null ? merged : withStart(merged, now);
  const times = readTerms(terms, before.sessionMode);
  const isSameTime = before.runAt?.getTime() === terms.runAt?.getTime();
  const isOnce = before.kind === 'one_off' || before.kind === 'delay';
  const isAboutTime = ABOUT_TIME.some((key) => key in change) || change.policy !== undefined;
  // One that is armed already, or fires in this moment, is not armed twice for the same time.
  const isKept = !isAboutTime || (isOnce && isSameTime && before.enabled && terms.enabled);
  if (isKept) return { terms, next: plannedOf(before), isArmedAnew: false };
  const since = {
    nowMs: now.getTime(),
    lastRunMs: before.lastRunAt?.getTime() ?? null,
    lastDueMs: before.lastDueAt?.getTime() ?? null,
  };
  const next = planFirst({ id: before.id, terms, times }, since);
  // One that has ended by its own date cannot be enabled.
  return { terms: { ...terms, enabled: next !== null }, next, isArmedAnew: isOnce && next !== null };
};

const plannedOf = ({ nextDueAt, nextFireAt }: Schedule): PlannedFire | null =>
  nextDueAt && nextFireAt && { dueMs: nextDueAt.getTime(), fireMs: nextFireAt.getTime() };
