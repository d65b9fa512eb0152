import type { BudgetLevel } from '../core/budget.ts';
import type { StoredWebhook, WebhookRequest } from '../core/webhook.ts';
import type { PlacementOutcome } from '../storage/submissions.ts';
import type { SessionReference } from './resolve-session.ts';

/** Work that a client hands over. */
export interface NewJob {
  readonly question: string;
  /** Null = the default agent. */
  readonly agent: string | null;
  readonly session: SessionReference;
  /** Null, or a time that has passed = now. */
  readonly scheduleAt: Date | null;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  /** Higher runs earlier within the tenant; 0 is usual. */
  readonly priority: number;
  /** What it may take; what its agent says when absent. */
  readonly budget?: BudgetLevel;
  /** What happens when its session has other work; when absent it waits for its turn. */
  readonly ifBusy?: BusyRule;
  /** Set for a prompt: most that may wait, and how long each does. */
  readonly prompt?: PromptRule;
  /** True: refused while no node runs jobs, because somebody waits. */
  readonly needsRunner?: boolean;
  /** True: in a new session that begins as a copy of the named one. Without effect where none is named. */
  readonly isForked?: boolean;
  /** Starts that it has, when its node is lost; the operator's setting when absent. */
  readonly maxAttempts?: number;
  /** Where the news of its end goes. */
  readonly webhook?: StoredWebhook | null;
  /** The same as a client asks for it: it is checked once it is clear that the request is not a repeated one. */
  readonly webhookRequest?: WebhookRequest | null;
  /** Set for work that jobs hand in. */
  readonly origin?: JobOrigin;
  readonly request: RequestIdentity;
  /** Counts the request against its rate limit, once it is known to ask for new work. Throws RATE_LIMITED. */
  readonly countRequest?: () => Promise<void>;
  /** Makes what must be there before the job: called once it is known that no earlier request made it. */
  readonly prepare?: () => Promise<void>;
}

/**
 * enqueue: it waits for its turn. reject: it is refused. interrupt: the run is stopped, and this is next. steer: the run
 * takes it at its next step, else it waits. merge: it joins the newest input that waits, else waits itself. drop: nothing.
 */
export type BusyRule = 'enqueue' | 'reject' | 'interrupt' | 'steer' | 'merge' | 'drop';

export interface PromptRule {
  readonly most: number;
  readonly keepMs: number;
}

/** Where work comes from that no client handed in. */
export interface JobOrigin {
  /** Chosen by the caller, so that handing it in twice makes it once. */
  readonly jobId: string;
  /** The job whose budget it counts in, which may wait for it; null when it stands for itself. */
  readonly parentJobId: string | null;
  /** The API key that the first of its line came with. */
  readonly apiKeyId: string | null;
}

/** How a request is known again when a client sends it twice (jobs API, section 8). */
export interface RequestIdentity {
  /** Of the Idempotency-Key within its tenant, user, method and path; null without a key. */
  readonly idempotencyScope: Buffer | null;
  /** How long a repeated request under that key is known; a day when absent. */
  readonly keepMs?: number;
  /** SHA-256 of the query string and body bytes. */
  readonly hash: Buffer;
  /** True for an SDK's own retry without a key: the newest job of the same request within 120 s answers. */
  readonly isRetry: boolean;
  /**
   * The body that answers for the job; kept under the key. The outcome is given where the client chose a rule; the marks
   * {queue_length} and {expires_at} (milliseconds) are filled for prompts.
   */
  readonly toResponse: (jobId: string, outcome?: PlacementOutcome) => string;
}
