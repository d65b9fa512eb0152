import type { ApiClient } from './client.ts';
import type { WireJob } from './wire.ts';

/** What a job waits for in the middle of its work, in the words of its log; null for one that does not. */
export const readWaitReason = async (client: ApiClient, job: WireJob): Promise<string | null> => {
  if (job.status !== 'queued' || (job.attempts ?? 0) === 0) return null;
  let reason: unknown = null;
  let afterSeq = 0;
  for (;;) {
    const events = await client.readEvents(job.job_id, afterSeq);
    const last = events.at(-1);
    if (last === undefined) return typeof reason === 'string' ? reason : null;
    reason = events.findLast(({ type }) => type === 'job.requeued')?.data['reason'] ?? reason;
    afterSeq = last.seq;
  }
};
