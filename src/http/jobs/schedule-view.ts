import type { ActionContext } from '../../actions/context.ts';
import { showWebhook } from '../../actions/schedule-webhook.ts';
import { DEFAULT_POLICY } from '../../core/schedule/default-policy.ts';
import type { Schedule, SchedulePolicy, ScheduleRun } from '../../core/schedule/schedule.ts';
import { toSeconds } from '../seconds.ts';

/**
 * ScheduleResponse. What is beside the contract is there for schedules that use it: a client that does not know of it never
 * meets it.
 */
export const toScheduleView = (context: ActionContext, schedule: Schedule): Readonly<Record<string, unknown>> => {
  const { kind, sessionMode, budget, periodSeconds } = schedule;
  return {
    schedule_id: schedule.id,
    name: schedule.name,
    question: schedule.question,
    agent_type: schedule.agent,
    schedule_type: kind,
    run_at: toSeconds(schedule.runAt),
    cron: schedule.cron,
    timezone: schedule.timezone,
    enabled: schedule.enabled,
    webhook: toWebhookView(context, schedule),
    metadata: schedule.metadata,
    user_id: schedule.userId,
    tenant_id: schedule.tenantId,
    created_at: toSeconds(schedule.createdAt),
    updated_at: toSeconds(schedule.updatedAt),
    last_run_at: toSeconds(schedule.lastRunAt),
    next_run_at: toSeconds(nextRunAt(schedule)),
    last_job_id: schedule.lastJobId,
    last_error: schedule.lastError,
    ...(kind === 'interval' ? { interval_seconds: periodSeconds } : {}),
    ...(kind === 'delay' ? { delay_seconds: periodSeconds } : {}),
    ...(sessionMode === 'new' ? { session_mode: sessionMode } : {}),
    ...(budget === null ? {} : { budget }),
    ...toPolicyView(schedule.policy),
  };
};

/** A schedule of one time shows it until it has fired. */
const nextRunAt = ({ kind, enabled, runAt, nextDueAt }: Schedule): Date | null =>
  enabled && (kind === 'one_off' || kind === 'delay') ? runAt : nextDueAt;

const toWebhookView = (context: ActionContext, schedule: Schedule): unknown => {
  const webhook = showWebhook(context, schedule);
  return (
    webhook && {
      url: webhook.url,
      headers: webhook.headers,
      signing_secret: null,
      secret_ref: webhook.secretRef,
      timeout_seconds: webhook.timeoutSeconds,
      max_attempts: webhook.maxAttempts,
    }
  );
};

const toPolicyView = (policy: SchedulePolicy): Readonly<Record<string, unknown>> => {
  const view = {
    overlap: policy.overlap === DEFAULT_POLICY.overlap ? null : policy.overlap,
    catch_up: policy.catchUp === DEFAULT_POLICY.catchUp ? null : policy.catchUp,
    catch_up_window_seconds: policy.catchUpWindowSeconds,
    jitter_seconds: policy.jitterSeconds || null,
    pause_after_failures: policy.pauseAfterFailures,
    ends_at: toSeconds(policy.endsAt),
    max_runs: policy.maxRuns,
  };
  return Object.fromEntries(Object.entries(view).filter(([, value]) => value !== null));
};

/** One entry of a schedule's log. */
export const toRunView = (run: ScheduleRun): Readonly<Record<string, unknown>> => ({
  run_id: run.id,
  due_at: toSeconds(run.dueAt),
  trigger: run.trigger,
  outcome: run.outcome,
  fired_at: toSeconds(run.firedAt),
  job_id: run.outcome === 'fired' ? run.id : null,
  reason: run.reason,
  tries: run.tries,
  retry_at: run.tries > 0 ? toSeconds(run.retryAt) : null,
});
