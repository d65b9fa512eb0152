import type { BudgetLevel } from '../budget.ts';
import type { StoredWebhook } from '../webhook.ts';

export const SCHEDULE_KINDS = ['one_off', 'delay', 'cron', 'interval'] as const;
export type ScheduleKind = (typeof SCHEDULE_KINDS)[number];

/** What a fire does while the schedule's job before it has not ended. */
export type OverlapPolicy = 'skip' | 'queue_one' | 'queue_all' | 'cancel_running' | 'allow';
/** What becomes of due times that passed while nobody was there to fire them. */
export type CatchUpPolicy = 'one' | 'all' | 'none';

/** When a schedule is due. `zone` is an IANA name; `from` and `everyMs` span the grid of an interval. */
export type ScheduleRule =
  | { readonly kind: 'once'; readonly atMs: number }
  | { readonly kind: 'cron'; readonly cron: string; readonly zone: string }
  | { readonly kind: 'interval'; readonly fromMs: number; readonly everyMs: number };

/** How a schedule treats what comes in its way; the defaults are what the contracts say. */
export interface SchedulePolicy {
  readonly overlap: OverlapPolicy;
  readonly catchUp: CatchUpPolicy;
  /** Missed due times older than this are not caught up; null = any age. */
  readonly catchUpWindowSeconds: number | null;
  /** Each fire is later than its due time by less than this, always the same for one due time. */
  readonly jitterSeconds: number;
  /** Null = failures never pause it. */
  readonly pauseAfterFailures: number | null;
  readonly endsAt: Date | null;
  readonly maxRuns: number | null;
}

/** What its owner says about a schedule. */
export interface ScheduleTerms {
  readonly name: string;
  readonly question: string;
  /** Null = the default agent. */
  readonly agent: string | null;
  readonly kind: ScheduleKind;
  readonly runAt: Date | null;
  readonly cron: string | null;
  readonly timezone: string;
  /** Of an interval, or the delay that it was made with. */
  readonly periodSeconds: number | null;
  readonly enabled: boolean;
  readonly webhook: StoredWebhook | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly budget: BudgetLevel | null;
  readonly policy: SchedulePolicy;
}

export interface ScheduleOwner {
  readonly tenantId: string;
  readonly userId: string | null;
  readonly isAnonymous: boolean;
  /** The API key that its jobs count in. */
  readonly apiKeyId: string | null;
}

/** A schedule as it is stored. */
export interface Schedule extends ScheduleTerms, ScheduleOwner {
  readonly id: string;
  readonly num: number;
  readonly sessionId: string;
  /** `new`: each of its jobs gets a session of its own. */
  readonly sessionMode: 'same' | 'new';
  readonly runCount: number;
  readonly generation: number;
  readonly nextDueAt: Date | null;
  readonly nextFireAt: Date | null;
  readonly lastDueAt: Date | null;
  readonly lastRunAt: Date | null;
  readonly lastJobId: string | null;
  readonly lastError: string | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

export type RunOutcome = 'pending' | 'fired' | 'skipped' | 'failed';

/** One due time that came up, and what became of it. */
export interface ScheduleRun {
  readonly id: string;
  readonly scheduleId: string;
  readonly dueAt: Date;
  readonly trigger: 'due' | 'catch_up' | 'backfill' | 'manual';
  readonly outcome: RunOutcome;
  readonly reason: string | null;
  readonly tries: number;
  readonly retryAt: Date | null;
  readonly firedAt: Date | null;
}
