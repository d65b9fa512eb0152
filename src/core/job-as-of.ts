import type { SessionEvent } from './event.ts';
import type { Job } from './job.ts';

const OPEN = { completedAt: null, canceledAt: null, error: null, outcome: null } as const;

/**
 * The job as it was right after one of its events: a log is read later than it is written, and what is said of a start
 * must not tell of the end. After an event that ended the job it is the job as it is stored.
 */
export const jobAsOf = (job: Job, event: SessionEvent): Job => {
  const attempts = typeof event.data['attempt'] === 'number' ? event.data['attempt'] : job.attempts;
  const then = { ...job, ...OPEN, attempts, updatedAt: event.at };
  switch (event.type) {
    case 'job.submitted':
      return { ...then, state: 'queued', isHeld: false, attempts: 0, startedAt: null, sandboxId: null };
    case 'job.started':
      return { ...then, state: 'running', isHeld: true, startedAt: startOf(job, attempts) ?? event.at };
    case 'job.requeued':
      return { ...then, state: 'queued', isHeld: false, startedAt: startOf(job, attempts) };
    default:
      return job;
  }
};

/** The row knows its newest start only. */
const startOf = (job: Job, attempt: number): Date | null => (job.attempts === attempt ? job.startedAt : null);
