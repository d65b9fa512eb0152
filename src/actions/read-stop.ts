import type { Principal } from '../core/principal.ts';
import { getStop, type SessionStop } from '../storage/stops.ts';
import type { ActionContext } from './context.ts';
import { findSession } from './find-session.ts';

/** The stop of a session, until it expires or another run starts; undefined when there is none. Throws as findSession does. */
export const readStop = async (
  context: ActionContext,
  principal: Principal,
  sessionId: string,
): Promise<SessionStop | undefined> => {
  const session = await findSession(context, principal, sessionId);
  return session && (await getStop(context.db, session.num));
};
