import { describeBytes, describeDuration } from './describe.ts';
import { answerOfEvent, outputOfEvent } from './event-text.ts';
import { isModelAnswer, type ProgressView } from './progress-view.ts';
import { harmless, type Output } from './terminal.ts';
import type { JobEvent, WireJob } from './wire.ts';

/** Progress as plain lines: for pipes, logs, and terminals without colours. What a job writes is indented. */
export const createPlainView = (output: Output): ProgressView => {
  let pending = '';
  let hasOutput = false;
  let hasModel = false;
  const line = (text: string): void => output.write(`${text}\n`);
  const flush = (): void => {
    if (pending !== '') line(`  ${pending}`);
    pending = '';
  };
  const say = (text: string | null): void => {
    if (text === null) return;
    flush();
    line(text);
  };
  const append = (text: string): void => {
    hasOutput = true;
    const lines = (pending + harmless(text)).split('\n');
    pending = lines.pop() ?? '';
    for (const each of lines) line(`  ${each}`);
  };
  return {
    submitted: ({ jobId, url }) => say(`job ${jobId} submitted to ${url}`),
    event: (event) => {
      const written = outputOfEvent(event);
      hasModel ||= isModelAnswer(event);
      const answer = hasOutput && !hasModel ? null : answerOfEvent(event);
      if (written !== null) append(written.text);
      else if (answer !== null) {
        if (answer !== '') append(`${answer}\n`);
      } else say(describeEvent(event));
    },
    note: say,
    ended: (job, savedIn) => {
      say(describeEnd(job));
      if (savedIn !== null) line(`artifacts in ${savedIn}`);
    },
    close: flush,
  };
};

/** One line about an event; null for one that needs none. */
export const describeEvent = ({ type, data }: JobEvent): string | null => {
  const { ordinal, name, attempt, duration_ms: durationMs } = data;
  const step = typeof ordinal === 'number' ? `step ${ordinal}` : 'a step';
  const named = typeof name === 'string' ? `${step} (${harmless(name)})` : step;
  const took = typeof durationMs === 'number' ? ` in ${describeDuration(durationMs)}` : '';
  switch (type) {
    case 'job.started':
      return typeof attempt === 'number' && attempt > 1 ? `goes on, attempt ${attempt}` : 'started';
    case 'job.requeued':
      return `back in the queue: ${textOf(data['reason']) || 'its node was lost or stopped'}`;
    case 'step.started':
      return `${named} started`;
    case 'step.finished':
      return `${named} finished${took}${describeCost(data)}`;
    case 'step.failed':
      return `${named} failed${took}`;
    case 'artifact.published':
      return `artifact ${harmless(String(data['path']))}, ${describeBytes(Number(data['size_bytes'] ?? 0))}`;
    case 'approval.requested':
      return describeApproval(data);
    case 'approval.decided':
      return `decided: ${textOf(data['state'])}`;
    case 'model_call.retried':
      return `${harmless(String(data['message']))} Again in ${describeDuration(Number(data['delay_ms'] ?? 0))}.`;
    case 'model_call.batched':
      return `the next model call goes into a batch of ${textOf(data['provider'])}`;
    case 'context.compacted':
      return 'the conversation was summarized';
    case 'warning.raised':
      return `warning: ${harmless(String(data['message']))}`;
    case 'job.canceled':
      return 'cancel accepted';
    default:
      return null;
  }
};

const textOf = (value: unknown): string => (typeof value === 'string' ? harmless(value) : '');

const describeCost = ({ cost_usd: cost }: JobEvent['data']): string =>
  typeof cost === 'number' ? `, ${cost.toFixed(6)} USD` : '';

/** With the command that answers it. */
const describeApproval = ({ approval_id: id, kind, tool, input }: JobEvent['data']): string => {
  const what = harmless(JSON.stringify(input ?? null)).slice(0, 500);
  const asked = kind === 'question' ? `asks: ${what}` : `wants to use ${harmless(String(tool))}: ${what}`;
  return `${asked}\n  kazi approvals allow ${String(id)}   or   kazi approvals deny ${String(id)}`;
};

/** The last line about a job: its state, how long it took, and what went wrong. */
export const describeEnd = (job: WireJob): string => {
  const took = typeof job.duration_ms === 'number' ? ` after ${describeDuration(job.duration_ms)}` : '';
  const reason = job.error ? `: ${harmless(job.error)}` : '';
  return `${job.status}${took}${reason}`;
};
