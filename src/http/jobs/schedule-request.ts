import type { ScheduleChange } from '../../actions/change-schedule.ts';
import type { NewSchedule } from '../../actions/create-schedule.ts';
import { DEFAULT_POLICY } from '../../core/schedule/default-policy.ts';
import type { SchedulePolicy } from '../../core/schedule/schedule.ts';
import type { WebhookRequest } from '../../core/webhook.ts';
import { MIN_SECONDS, type ScheduleCreateRequest, type ScheduleUpdateRequest } from './schedule-schema.ts';
import { toWebhookRequest } from './webhook-config.ts';

/** What a create request asks for, beside its session and identity. */
export const toNewSchedule = (body: ScheduleCreateRequest): Pick<NewSchedule, 'terms' | 'webhook' | 'sessionMode'> => {
  const sessionMode = body.session_mode ?? 'same';
  return {
    terms: {
      name: body.name,
      question: body.question,
      agent: body.agent_type || null,
      kind: body.schedule_type,
      runAt: toTime(body.run_at),
      cron: toCron(body.cron),
      timezone: toZone(body.timezone),
      periodSeconds: body.interval_seconds ?? body.delay_seconds ?? null,
      enabled: body.enabled ?? true,
      metadata: body.metadata ?? null,
      budget: body.budget ?? null,
      policy: { ...DEFAULT_POLICY, ...(sessionMode === 'new' ? { overlap: 'skip' } : {}), ...toPolicy(body) },
    },
    webhook: toWebhook(body.webhook),
    sessionMode,
  };
};

/** Only the keys that are present; null clears, but for what a schedule cannot be without. */
export const toScheduleChange = (body: ScheduleUpdateRequest): ScheduleChange => {
  const policy = toPolicy(body);
  return {
    ...(typeof body.name === 'string' ? { name: body.name } : {}),
    ...(typeof body.question === 'string' ? { question: body.question } : {}),
    ...(typeof body.enabled === 'boolean' ? { enabled: body.enabled } : {}),
    ...(body.agent_type === undefined ? {} : { agent: body.agent_type || null }),
    ...(body.cron === undefined ? {} : { cron: toCron(body.cron) }),
    ...(body.timezone === undefined ? {} : { timezone: toZone(body.timezone) }),
    ...(body.run_at === undefined ? {} : { runAt: toTime(body.run_at) }),
    ...(body.webhook === undefined ? {} : { webhook: toWebhook(body.webhook) }),
    ...(body.metadata === undefined ? {} : { metadata: body.metadata }),
    ...(body.budget === undefined ? {} : { budget: body.budget }),
    ...(body.interval_seconds === undefined ? {} : { periodSeconds: body.interval_seconds }),
    ...(Object.keys(policy).length === 0 ? {} : { policy }),
  };
};

/** The policies that a request names; null stands for the default. */
const toPolicy = (body: ScheduleCreateRequest | ScheduleUpdateRequest): Partial<SchedulePolicy> => ({
  ...(body.overlap === undefined ? {} : { overlap: body.overlap ?? DEFAULT_POLICY.overlap }),
  ...(body.catch_up === undefined ? {} : { catchUp: body.catch_up ?? DEFAULT_POLICY.catchUp }),
  ...(body.catch_up_window_seconds === undefined ? {} : { catchUpWindowSeconds: body.catch_up_window_seconds }),
  ...(body.jitter_seconds === undefined ? {} : { jitterSeconds: body.jitter_seconds ?? 0 }),
  ...(body.pause_after_failures === undefined ? {} : { pauseAfterFailures: body.pause_after_failures }),
  ...(body.ends_at === undefined ? {} : { endsAt: toTime(body.ends_at) }),
  ...(body.max_runs === undefined ? {} : { maxRuns: body.max_runs }),
});

const toTime = (time: number | null | undefined): Date | null =>
  time === null || time === undefined ? null : new Date(Math.max(time, MIN_SECONDS) * 1_000);

/** Blank is absent. */
const toCron = (text: string | null | undefined): string | null => text?.trim() || null;

const toZone = (text: string | null | undefined): string => text?.trim() || 'UTC';

const toWebhook = (body: ScheduleCreateRequest['webhook']): WebhookRequest | null =>
  body ? toWebhookRequest(body) : null;
