import { checkSessionScope, type Principal } from '../core/principal.ts';
import { newSessionId, parseSessionId } from '../core/session-id.ts';
import { bindSessionKey, findSessionByKey } from '../storage/sessions.ts';
import type { ActionContext } from './context.ts';
import { findSession } from './find-session.ts';

const KEY_DAYS = 30;
const DAY_MS = 86_400_000;

/** How a request names its session (jobs API, section 2.4). */
export interface SessionReference {
  readonly sessionId: string | null;
  readonly sessionKey: string | null;
}

/** The session that new work goes to. */
export interface ResolvedSession {
  readonly sessionId: string;
  /** Null for a session that does not exist yet. */
  readonly sessionNum: number | null;
}

/**
 * The session that new work goes to: the one that is named, the one that the key stands for, or a new one. The key's
 * mapping is written or renewed. Throws the scope and ownership errors for a session that the principal may not use;
 * a session that does not exist yet is anybody's to create.
 */
export const resolveSession = async (
  context: ActionContext,
  principal: Principal,
  reference: SessionReference,
): Promise<ResolvedSession> => {
  const { sessionId, sessionKey } = reference;
  if (sessionKey === null) {
    if (sessionId !== null) return await ownSession(context, principal, sessionId);
    checkSessionScope(principal, null);
    return { sessionId: newSessionId(), sessionNum: null };
  }
  if (sessionId !== null) await ownSession(context, principal, sessionId);
  const found = await bindSessionKey(context.db, principal, {
    key: sessionKey,
    sessionId,
    freshSessionId: newSessionId(),
    keepMs: KEY_DAYS * DAY_MS,
  });
  return await ownSession(context, principal, found);
};

/**
 * The session that a request about stored records names, if it names one; nothing is written. Throws INVALID_SESSION_ID,
 * and SESSION_NOT_AUTHORIZED for a session-bound credential that names none or another.
 */
export const findNamedSession = async (
  context: ActionContext,
  principal: Principal,
  reference: SessionReference,
): Promise<string | null> => {
  const named = await readReference(context, principal, reference);
  checkSessionScope(principal, named);
  return named;
};

const readReference = async (
  context: ActionContext,
  principal: Principal,
  { sessionId, sessionKey }: SessionReference,
): Promise<string | null> => {
  if (sessionId !== null) return parseSessionId(sessionId);
  if (sessionKey === null) return null;
  return (await findSessionByKey(context.db, principal, sessionKey)) ?? null;
};

const ownSession = async (
  context: ActionContext,
  principal: Principal,
  sessionId: string,
): Promise<ResolvedSession> => {
  const session = await findSession(context, principal, sessionId);
  return { sessionId, sessionNum: session?.num ?? null };
};
