import type { JobView } from '../../../actions/read-job.ts';
import type { SessionEvent } from '../../../core/event.ts';
import type { Job } from '../../../core/job.ts';
import { jobAsOf } from '../../../core/job-as-of.ts';
import { toQueryResponse } from '../query-response.ts';
import { toJobStatus } from '../translate.ts';

/** One frame before it is written: what it says, and of which session. */
export interface FrameContent {
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** An event in the words of the wire (jobs API, 10.2 and 10.3). */
export interface EventContent {
  /** What everybody gets who follows the session. */
  readonly session: readonly FrameContent[];
  /** What the event bus adds, for whoever may read the job. */
  readonly job: readonly FrameContent[];
}

type Block = Readonly<Record<string, unknown>>;

const NOTHING: EventContent = { session: [], job: [] };

/** Those whose translation looks at the job as well. */
const OF_JOB = new Set([
  'job.submitted',
  'job.started',
  'job.requeued',
  'job.completed',
  'job.failed',
  'job.canceled',
  'job.stopped',
]);

/** True when translating the event needs its job. */
export const needsJob = (event: SessionEvent): boolean => OF_JOB.has(event.type);

/** The frames of one event. `view` is its job, which may have gone on since; undefined where none is needed, or it is gone. */
export const toContent = (event: SessionEvent, view: JobView | undefined): EventContent => {
  // Nobody is shown pieces of a message: it comes whole.
  if (event.type === 'message.delta') return NOTHING;
  if (event.type === 'message.created') return { session: toMessageFrames(event), job: [] };
  if (!needsJob(event)) return { session: [other(event.type, event.data)], job: [] };
  return view ? toJobFrames(event, view) : NOTHING;
};

const toJobFrames = (event: SessionEvent, view: JobView): EventContent => {
  const { job } = view;
  const status = [toStatusFrame(event, view)];
  switch (event.type) {
    case 'job.submitted':
      return { session: toQueuedFrames(event, job), job: [toSubmittedFrame(job)] };
    case 'job.started':
      return { session: toStartFrames(event, job), job: status };
    case 'job.requeued':
      return { session: [other(event.type, event.data)], job: status };
    case 'job.completed':
      // An input that another run heard had none of its own.
      return { session: event.data['steered_job_id'] === undefined ? toEndFrames(view) : [], job: status };
    case 'job.failed':
      return { session: [{ type: 'query_error', data: { error: job.error ?? 'The run failed' } }], job: status };
    case 'job.canceled':
      // Its run goes on until its node has stopped it; a job that never ran has none.
      return {
        session: event.data['was_running'] === true || job.attempts === 0 ? [] : toEndFrames(view),
        job: status,
      };
    default:
      return { session: toEndFrames(view), job: [] };
  }
};

const other = (name: string, data: unknown): FrameContent => ({ type: 'execution_state', data: { event: name, data } });

const toQueuedFrames = ({ data }: SessionEvent, job: Job): FrameContent[] => {
  const length = data['queue_length'];
  return typeof length === 'number'
    ? [{ type: 'prompt_queued', data: { prompt_id: job.id, queue_length: length } }]
    : [];
};

/** A run that goes on after it waited, or lost its node, is not begun again. */
const toStartFrames = ({ data }: SessionEvent, { question, agent }: Job): FrameContent[] => [
  { type: 'session_update', data: { status: 'executing', current_prompt: question } },
  ...(data['attempt'] === 1 ? [{ type: 'query_start', data: { question, agent_type: agent } }] : []),
];

const toEndFrames = ({ job, messages }: JobView): FrameContent[] => {
  const answer = toQueryResponse(job, messages ?? []);
  const said = answer['messages'] as readonly unknown[];
  const summary = answer['summary'] as Readonly<Record<string, unknown>>;
  return [
    other('result', said.at(-1)),
    { type: 'query_complete', data: { messages: said, duration_ms: runMs(job), summary } },
  ];
};

const runMs = ({ outcome, startedAt, completedAt, canceledAt }: Job): number => {
  const end = completedAt ?? canceledAt;
  return Math.round(outcome?.durationMs ?? (startedAt && end ? Math.max(0, end.getTime() - startedAt.getTime()) : 0));
};

const toSubmittedFrame = (job: Job): FrameContent => ({
  type: 'job_submitted',
  data: {
    job_id: job.id,
    status: 'queued',
    ...(job.userId === null ? {} : { user_id: job.userId }),
    tenant_id: job.tenantId,
  },
});

const toStatusFrame = (event: SessionEvent, view: JobView): FrameContent => {
  const then = jobAsOf(view.job, event);
  const payload = toJobStatus(then === view.job ? view : { job: then, messages: null, artifacts: null });
  const { id, state, userId, tenantId } = then;
  return {
    type: 'job_status',
    data: { job_id: id, status: state, user_id: userId, tenant_id: tenantId, payload },
  };
};

const toMessageFrames = ({ message }: SessionEvent): FrameContent[] => {
  if (!message) return [];
  const { role, content } = message;
  if (!Array.isArray(content)) return [other(`${role}_message`, { content })];
  return (content as readonly Block[]).map((block) => toBlockFrame(role, block));
};

const toBlockFrame = (role: 'user' | 'assistant', block: Block): FrameContent => {
  switch (block['type']) {
    case 'text':
      return role === 'assistant'
        ? { type: 'assistant_message', data: { content: String(block['text']), partial: false } }
        : other('user_block', block);
    case 'tool_use':
      return { type: 'tool_use', data: { tool_use_id: block['id'], name: block['name'], input: block['input'] } };
    case 'tool_result': {
      const { tool_use_id: id, content, is_error: isError } = block;
      return { type: 'tool_result', data: { tool_use_id: id, content, is_error: isError === true } };
    }
    default:
      return other(`${role}_block`, block);
  }
};
