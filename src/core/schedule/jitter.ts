import { createHash } from 'node:crypto';

/** Milliseconds by which a fire is later than its due time: spread over schedules and due times, the same for the same two. */
export const jitterOf = (scheduleId: string, dueMs: number, jitterSeconds: number): number => {
  if (jitterSeconds === 0) return 0;
  const digest = createHash('sha256').update(`${scheduleId} ${dueMs}`).digest();
  return digest.readUInt32BE(0) % (jitterSeconds * 1_000);
};
