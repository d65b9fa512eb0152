import type { Queryable } from './database.ts';
import type { SessionIdentity } from './sessions.ts';

/** How a session is named: its id is unique in its tenant only. */
export type SessionName = Pick<SessionIdentity, 'tenantId' | 'id'>;

/** Those of the named sessions that exist. */
export const findSessions = async (db: Queryable, names: readonly SessionName[]): Promise<SessionIdentity[]> => {
  const rows = await db.query<{ num: number; tenant_id: string; id: string; user_id: string | null; created_at: Date }>(
    'sessions/find-many',
    [names.map(({ tenantId }) => tenantId), names.map(({ id }) => id)],
  );
  return rows.map(({ num, tenant_id: tenantId, id, user_id: userId, created_at: createdAt }) => ({
    num,
    tenantId,
    id,
    userId,
    createdAt,
  }));
};
