import type { BudgetLevel } from '../core/budget.ts';
import type { CatchUpPolicy, OverlapPolicy, Schedule, ScheduleKind, ScheduleTerms } from '../core/schedule/schedule.ts';
import type { StoredWebhook } from '../core/webhook.ts';

/** The columns of a schedule that statements read. */
export interface ScheduleRow {
  id: string;
  num: number;
  tenant_id: string;
  user_id: string | null;
  is_anonymous: boolean;
  api_key_id: string | null;
  session_id: string;
  session_mode: Schedule['sessionMode'];
  name: string;
  question: string;
  agent: string | null;
  kind: ScheduleKind;
  run_at: Date | null;
  cron: string | null;
  timezone: string;
  period_seconds: number | null;
  enabled: boolean;
  webhook: StoredWebhook | null;
  metadata: Record<string, unknown> | null;
  budget: BudgetLevel | null;
  overlap: OverlapPolicy;
  catch_up: CatchUpPolicy;
  catch_up_window_seconds: number | null;
  jitter_seconds: number;
  pause_after_failures: number | null;
  ends_at: Date | null;
  max_runs: number | null;
  run_count: number;
  generation: number;
  next_due_at: Date | null;
  next_fire_at: Date | null;
  last_due_at: Date | null;
  last_run_at: Date | null;
  last_job_id: string | null;
  last_error: string | null;
  created_at: Date;
  updated_at: Date;
}

export const toSchedule = (row: ScheduleRow): Schedule => ({
  id: row.id,
  num: row.num,
  tenantId: row.tenant_id,
  userId: row.user_id,
  isAnonymous: row.is_anonymous,
  apiKeyId: row.api_key_id,
  sessionId: row.session_id,
  sessionMode: row.session_mode,
  name: row.name,
  question: row.question,
  agent: row.agent,
  kind: row.kind,
  runAt: row.run_at,
  cron: row.cron,
  timezone: row.timezone,
  periodSeconds: row.period_seconds,
  enabled: row.enabled,
  webhook: row.webhook,
  metadata: row.metadata,
  budget: row.budget,
  policy: {
    overlap: row.overlap,
    catchUp: row.catch_up,
    catchUpWindowSeconds: row.catch_up_window_seconds,
    jitterSeconds: row.jitter_seconds,
    pauseAfterFailures: row.pause_after_failures,
    endsAt: row.ends_at,
    maxRuns: row.max_runs,
  },
  runCount: row.run_count,
  generation: row.generation,
  nextDueAt: row.next_due_at,
  nextFireAt: row.next_fire_at,
  lastDueAt: row.last_due_at,
  lastRunAt: row.last_run_at,
  lastJobId: row.last_job_id,
  lastError: row.last_error,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

/** What the owner says, as columns. */
export const toTermColumns = ({ policy, ...terms }: ScheduleTerms): Record<string, unknown> => ({
  name: terms.name,
  question: terms.question,
  agent: terms.agent,
  kind: terms.kind,
  run_at: terms.runAt,
  cron: terms.cron,
  timezone: terms.timezone,
  period_seconds: terms.periodSeconds,
  enabled: terms.enabled,
  webhook: terms.webhook,
  metadata: terms.metadata,
  budget: terms.budget,
  overlap: policy.overlap,
  catch_up: policy.catchUp,
  catch_up_window_seconds: policy.catchUpWindowSeconds,
  jitter_seconds: policy.jitterSeconds,
  pause_after_failures: policy.pauseAfterFailures,
  ends_at: policy.endsAt,
  max_runs: policy.maxRuns,
});
