import { KaziError } from '../core/errors.ts';
import { isJobId } from '../core/job-id.ts';
import type { Principal } from '../core/principal.ts';
import { promotePrompt as storePromotion } from '../storage/prompts.ts';
import type { ActionContext } from './context.ts';
import { findSession } from './find-session.ts';

/** Makes a prompt the next one of its session. Throws as findSession does, and PROMPT_NOT_FOUND. */
export const promotePrompt = async (
  context: ActionContext,
  principal: Principal,
  { sessionId, promptId }: { readonly sessionId: string; readonly promptId: string },
): Promise<void> => {
  const session = await findSession(context, principal, sessionId);
  const lanes = session && isJobId(promptId) && (await storePromotion(context.db, session.num, promptId));
  if (!lanes) throw new KaziError('PROMPT_NOT_FOUND');
  for (const lane of lanes) context.notifications.publish('lanes', lane);
};
