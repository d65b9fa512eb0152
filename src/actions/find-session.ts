import { checkOwnership } from '../core/ownership.ts';
import { checkSessionScope, type Principal } from '../core/principal.ts';
import type { SessionIdentity } from '../storage/sessions.ts';
import type { ActionContext } from './context.ts';

/**
 * The session with that id in the principal's tenant, if the principal may use it; undefined when there is none yet, and
 * nothing is made. Throws SESSION_NOT_AUTHORIZED, then the ownership errors.
 */
export const findSession = async (
  context: ActionContext,
  principal: Principal,
  sessionId: string,
): Promise<SessionIdentity | undefined> => {
  checkSessionScope(principal, sessionId);
  const session = await context.directory.findSession(principal.tenantId, sessionId);
  if (!session) return undefined;
  const record = { sessionId: session.id, userId: session.userId, tenantId: session.tenantId };
  checkOwnership({ principal, kind: 'Session', record, namedSessionId: null });
  return session;
};
