import type { Principal } from '../core/principal.ts';
import { listPrompts, type WaitingPrompt } from '../storage/prompts.ts';
import { isSessionBusy } from '../storage/sessions.ts';
import type { ActionContext } from './context.ts';
import { findSession } from './find-session.ts';

export interface PromptQueue {
  /** True while a job of the session runs, waits for a person, or is about to start. */
  readonly isBusy: boolean;
  readonly prompts: readonly WaitingPrompt[];
  /** Most that may wait. */
  readonly most: number;
}

/** The prompts that wait in a session; none when there is no such session. Throws as findSession does. */
export const readPromptQueue = async (
  context: ActionContext,
  principal: Principal,
  sessionId: string,
): Promise<PromptQueue> => {
  const most = context.sessions.mostPrompts;
  const session = await findSession(context, principal, sessionId);
  if (!session) return { isBusy: false, prompts: [], most };
  const [isBusy, prompts] = await Promise.all([
    isSessionBusy(context.db, session.num),
    listPrompts(context.db, session.num),
  ]);
  return { isBusy, prompts, most };
};
