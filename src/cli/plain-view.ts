import { describeBytes, describeDuration } from './describe.ts';
import { answerOfEvent, outputOfEvent, type ProgressView } from './progress-view.ts';
import { harmless, type Output } from './terminal.ts';
import type { JobEvent, WireJob } from './wire.ts';

/** Progress as plain lines: for pipes, logs, and terminals without colours. What a job writes is indented. */
export const createPlainView = (output: Output): ProgressView => {
  let pending = '';
  let hasOutput = false;
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
      const answer = hasOutput ? null : answerOfEvent(event);
      if (written !== null) append(written.text);
      else if (answer !== null) append(`${answer}\n`);
      else say(describeEvent(event));
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
  const { ordinal, attempt, duration_ms: durationMs } = data;
  const step = typeof ordinal === 'number' ? `step ${ordinal}` : 'a step';
  const took = typeof durationMs === 'number' ? ` in ${describeDuration(durationMs)}` : '';
  switch (type) {
    case 'job.started':
      return typeof attempt === 'number' && attempt > 1 ? `started, attempt ${attempt}` : 'started';
    case 'job.requeued':
      return 'back in the queue: its node was lost or stopped';
    case 'step.started':
      return `${step} started`;
    case 'step.finished':
      return `${step} finished${took}`;
    case 'step.failed':
      return `${step} failed${took}`;
    case 'artifact.published':
      return `artifact ${harmless(String(data['path']))}, ${describeBytes(Number(data['size_bytes'] ?? 0))}`;
    case 'job.canceled':
      return 'cancel accepted';
    default:
      return null;
  }
};

/** The last line about a job: its state, how long it took, and what went wrong. */
export const describeEnd = (job: WireJob): string => {
  const took = typeof job.duration_ms === 'number' ? ` after ${describeDuration(job.duration_ms)}` : '';
  const reason = job.error ? `: ${harmless(job.error)}` : '';
  return `${job.status}${took}${reason}`;
};
