/** Types of the entries of a session's log: noun.past-verb. */
export type EventType =
  | 'job.submitted'
  | 'job.started'
  | 'job.requeued'
  | 'job.completed'
  | 'job.failed'
  | 'job.canceled'
  | 'job.stopped'
  | 'step.started'
  | 'step.finished'
  | 'step.failed'
  | 'output.written'
  | 'message.delta'
  | 'message.created'
  | 'model_call.batched'
  | 'model_call.retried'
  | 'context.compacted'
  | 'approval.requested'
  | 'approval.decided'
  | 'input.steered'
  | 'input.merged'
  | 'budget.exceeded'
  | 'warning.raised'
  | 'artifact.published';

/** One entry of a session's append-only log; seq runs from 1 without gaps. */
export interface SessionEvent {
  readonly seq: number;
  readonly jobId: string | null;
  readonly type: EventType;
  readonly data: Readonly<Record<string, unknown>>;
  readonly at: Date;
  /** What was said, for job.started (the input), input.steered (more of it) and message.created (an answer). */
  readonly message: { readonly role: 'user' | 'assistant'; readonly content: unknown } | null;
}

/** Events after which a job writes no more. job.stopped: the run of a canceled job has really ended. */
export const JOB_END_EVENTS: ReadonlySet<EventType> = new Set(['job.completed', 'job.failed', 'job.stopped']);
