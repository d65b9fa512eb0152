import type { SchedulePolicy } from './schedule.ts';

/** What the contracts say where a client says nothing. */
export const DEFAULT_POLICY: SchedulePolicy = Object.freeze({
  overlap: 'queue_one',
  catchUp: 'one',
  catchUpWindowSeconds: null,
  jitterSeconds: 0,
  pauseAfterFailures: null,
  endsAt: null,
  maxRuns: null,
});
