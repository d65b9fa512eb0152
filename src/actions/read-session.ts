import type { Principal } from '../core/principal.ts';
import { listSessionMessages, type PlacedMessage } from '../storage/messages.ts';
import { getSessionActivity, type SessionActivity, type SessionIdentity } from '../storage/sessions.ts';
import type { ActionContext } from './context.ts';
import { findSession } from './find-session.ts';

/** Messages of one query; a whole session may have very many, and large ones. */
const PAGE_MESSAGES = 1_000;

export interface SessionView {
  readonly session: SessionIdentity;
  readonly activity: SessionActivity;
}

/** A session and what it is doing; undefined when there is none with that id. Throws as findSession does. */
export const readSession = async (
  context: ActionContext,
  principal: Principal,
  sessionId: string,
): Promise<SessionView | undefined> => {
  const session = await findSession(context, principal, sessionId);
  const activity = session && (await getSessionActivity(context.db, session.num, session.userId));
  return session && activity && { session, activity };
};

/** All that was said in a session, oldest first; nothing when there is none with that id. Throws as findSession does. */
export const readSessionMessages = async (
  context: ActionContext,
  principal: Principal,
  sessionId: string,
): Promise<readonly PlacedMessage[]> => {
  const session = await findSession(context, principal, sessionId);
  if (!session) return [];
  const messages: PlacedMessage[] = [];
  for (;;) {
    const afterSeq = messages.at(-1)?.seq ?? 0;
    const page = await listSessionMessages(context.db, { sessionNum: session.num, afterSeq, limit: PAGE_MESSAGES });
    messages.push(...page);
    if (page.length < PAGE_MESSAGES) return messages;
  }
};
