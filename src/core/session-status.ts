/** What a session is doing, as clients see it (jobs API, section 9.2). */
export type SessionStatus = 'idle' | 'executing' | 'error' | 'waiting_approval';

/** A job that a node holds counts before one that waits for somebody, and both before how the last one ended. */
export const sessionStatusOf = (activity: {
  readonly currentPrompt: string | null;
  readonly isWaiting: boolean;
  readonly hasFailed: boolean;
}): SessionStatus => {
  if (activity.currentPrompt !== null) return 'executing';
  if (activity.isWaiting) return 'waiting_approval';
  return activity.hasFailed ? 'error' : 'idle';
};
