import type { OverlapPolicy } from './schedule.ts';

/** How far the schedule's job before this one has come; `pending`: its fire is under way, or tried again later. */
export type PreviousState = 'pending' | 'queued' | 'running' | 'ended';

export type OverlapDecision =
  | { readonly action: 'fire' /** The job that is canceled first. */; readonly replaces: string | null }
  | { readonly action: 'skip'; readonly reason: string };

const FIRE: OverlapDecision = { action: 'fire', replaces: null };

/** What a due time does while the job before it has not ended. */
export const decideOverlap = (
  policy: OverlapPolicy,
  previous: { readonly jobId: string; readonly state: PreviousState } | null,
): OverlapDecision => {
  if (previous === null || previous.state === 'ended') return FIRE;
  const { jobId, state } = previous;
  const skip = (as: string): OverlapDecision => ({ action: 'skip', reason: `Skipped: job ${jobId} is still ${as}` });
  switch (policy) {
    case 'skip':
      return skip(state === 'running' ? 'running' : 'queued');
    case 'queue_one':
      return state === 'running' ? FIRE : skip('queued');
    case 'cancel_running':
      return { action: 'fire', replaces: jobId };
    case 'queue_all':
    case 'allow':
      return FIRE;
  }
};
