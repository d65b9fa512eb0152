import type { SessionView } from '../../actions/read-session.ts';
import { sessionStatusOf } from '../../core/session-status.ts';
import type { Message } from '../../storage/messages.ts';

/** SessionState: keys without a value are left out. A session that does not exist is an empty one, as of now. */
export const toSessionState = (
  sessionId: string,
  view: SessionView | undefined,
): Readonly<Record<string, string | number>> => {
  if (!view) {
    const now = Date.now();
    return { session_id: sessionId, created_at: now, last_active_at: now, status: 'idle' };
  }
  const { session, activity } = view;
  return {
    session_id: session.id,
    ...(activity.sessionKey === null ? {} : { session_key: activity.sessionKey }),
    ...(session.userId === null ? {} : { user_id: session.userId }),
    tenant_id: session.tenantId,
    created_at: session.createdAt.getTime(),
    last_active_at: activity.lastActiveAt.getTime(),
    status: sessionStatusOf(activity),
    ...(activity.currentPrompt === null ? {} : { current_prompt: activity.currentPrompt }),
  };
};

/** SessionMessage. */
export const toSessionMessage = (sessionId: string, message: Message): Readonly<Record<string, unknown>> => ({
  id: message.id,
  session_id: sessionId,
  role: message.role,
  content: message.content,
  created_at: message.createdAt.getTime(),
});
