/** A job: one queued execution of an input in a session. docs/states.md draws the table below. */
export type JobState = 'queued' | 'running' | 'complete' | 'failed' | 'canceled';

/** What can happen to a job. `abandon`: its node was lost too often. */
export type JobTransition = 'claim' | 'complete' | 'fail' | 'requeue' | 'abandon' | 'cancel';

/** The complete state machine; null = the transition is refused and changes nothing. */
export const JOB_TRANSITIONS: Readonly<Record<JobState, Readonly<Record<JobTransition, JobState | null>>>> = {
  queued: { claim: 'running', complete: null, fail: null, requeue: null, abandon: null, cancel: 'canceled' },
  running: {
    claim: null,
    complete: 'complete',
    fail: 'failed',
    requeue: 'queued',
    abandon: 'failed',
    cancel: 'canceled',
  },
  complete: { claim: null, complete: null, fail: null, requeue: null, abandon: null, cancel: null },
  failed: { claim: null, complete: null, fail: null, requeue: null, abandon: null, cancel: null },
  canceled: { claim: null, complete: null, fail: null, requeue: null, abandon: null, cancel: null },
};

export const JOB_STATES = Object.keys(JOB_TRANSITIONS) as readonly JobState[];

/** True when the state is final: no transition leads out of it. */
export const isTerminal = (state: JobState): boolean =>
  Object.values(JOB_TRANSITIONS[state]).every((next) => next === null);

/** Tokens by kind, as `usage` of a summary carries them. */
export type Usage = Readonly<Record<string, number>>;

/** What a run leaves at its end, beside its messages and artifacts. Every figure is null when unknown, never a guess. */
export interface JobOutcome {
  readonly text: string | null;
  readonly subtype: 'success' | 'error' | 'cancelled' | 'max_turns' | 'budget_exceeded';
  readonly isError: boolean;
  readonly turns: number;
  readonly toolCalls: number;
  readonly durationMs: number;
  /** Milliseconds spent waiting for model providers. */
  readonly apiDurationMs: number;
  readonly usage: Usage | null;
  /** Micro-dollars; null when the price of a model is unknown. */
  readonly costMicros: number | null;
  readonly models: readonly string[];
  readonly structuredOutput?: unknown;
  /** Set when the run failed because the provider of its model did. */
  readonly fault?: 'provider';
  /** Set for input that another run took: that run answers. */
  readonly steeredJobId?: string;
}

/** A job as it is stored. Times are Dates of the database's clock. */
export interface Job {
  readonly id: string;
  readonly num: number;
  readonly tenantId: string;
  readonly sessionId: string;
  readonly sessionNum: number;
  readonly userId: string | null;
  readonly agent: string;
  readonly agentVersion: number | null;
  readonly state: JobState;
  /** True while a node holds it: running, or canceled and not yet let go. */
  readonly isHeld: boolean;
  readonly attempts: number;
  /** Seq of job.submitted: its events begin here. */
  readonly firstSeq: number;
  readonly question: string;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly sandboxId: string | null;
  readonly scheduleAt: Date | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly startedAt: Date | null;
  readonly completedAt: Date | null;
  readonly canceledAt: Date | null;
  readonly error: string | null;
  readonly outcome: JobOutcome | null;
  /** How the news of its end fares; null when nobody is to be told. */
  readonly webhook: WebhookStatus | null;
}

/** The bookkeeping of the webhook that a job brought. */
export interface WebhookStatus {
  readonly url: string;
  readonly secretRef: string | null;
  readonly attempts: number;
  readonly lastStatus: number | null;
  readonly lastError: string | null;
  readonly deliveredAt: Date | null;
}

/** A job in the hands of a node: what the runtime needs, and the fencing token of this claim. */
export interface ClaimedJob {
  readonly id: string;
  readonly num: number;
  readonly leaseId: number;
  readonly tenantId: string;
  readonly sessionNum: number;
  readonly sessionId: string;
  readonly userId: string | null;
  readonly agent: string;
  readonly agentVersion: number | null;
  /** 1 at the first start. Above 1 the journal holds what earlier attempts finished. */
  readonly attempts: number;
  readonly question: string;
  readonly metadata: Readonly<Record<string, unknown>> | null;
  readonly createdAt: Date;
  readonly startedAt: Date;
}
