import { KaziError } from '../core/errors.ts';
import { isJobId } from '../core/job-id.ts';
import type { Principal } from '../core/principal.ts';
import { removePrompts as storeRemoval } from '../storage/prompts.ts';
import type { ActionContext } from './context.ts';
import { findSession } from './find-session.ts';

/**
 * Takes a prompt out of the queue of its session, or all of them (null); what has begun stays. Gives their number. Throws as
 * findSession does, and PROMPT_NOT_FOUND for one that does not wait there.
 */
export const removePrompts = async (
  context: ActionContext,
  principal: Principal,
  { sessionId, promptId }: { readonly sessionId: string; readonly promptId: string | null },
): Promise<number> => {
  const session = await findSession(context, principal, sessionId);
  const none = { removed: 0, lanes: [] };
  const isKnown = session && (promptId === null || isJobId(promptId));
  const { removed, lanes } = isKnown ? await storeRemoval(context.db, session.num, promptId) : none;
  if (promptId !== null && removed === 0) throw new KaziError('PROMPT_NOT_FOUND');
  if (session && removed > 0) context.notifications.publish('events', session.num);
  for (const lane of lanes) context.notifications.publish('lanes', lane);
  return removed;
};
