import type { Principal } from '../core/principal.ts';
import { type ListedSession, listSessions } from '../storage/sessions.ts';
import type { ActionContext } from './context.ts';
import { readableUser } from './list-jobs.ts';

/** Sessions that the principal may read, newest first; what it may not read is left out. */
export const listReadableSessions = async (
  context: ActionContext,
  principal: Principal,
  page: { readonly beforeNum: number | null; readonly limit: number },
): Promise<ListedSession[]> =>
  await listSessions(context.db, {
    tenantId: principal.tenantId,
    userId: readableUser(principal),
    sessionIds: principal.sessionIds,
    ...page,
  });
