import { JOB_END_EVENTS, type SessionEvent } from './event.ts';
import { isTerminal, type Job } from './job.ts';

/** True once nothing of the job changes any more: a canceled job first has to be let go by its node. */
export const hasEnded = (job: Pick<Job, 'state' | 'isHeld'>): boolean => isTerminal(job.state) && !job.isHeld;

/** True for the last event of the job: its end, or the cancel of a job that no node held. */
export const isEndOfJob = (event: SessionEvent, jobId: string): boolean =>
  event.jobId === jobId &&
  (JOB_END_EVENTS.has(event.type) || (event.type === 'job.canceled' && event.data['was_running'] === false));
