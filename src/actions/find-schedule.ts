import { KaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import type { Schedule } from '../core/schedule/schedule.ts';
import type { Queryable } from '../storage/database.ts';
import { getSchedule } from '../storage/schedules.ts';

/**
 * The schedule, if the principal may use it (jobs API, section 2.5). Throws SCHEDULE_NOT_FOUND, also for a foreign one, and
 * RECORD_MISSING_OWNER for one that cannot confirm the principal's user.
 */
export const findSchedule = async (db: Queryable, principal: Principal, id: string): Promise<Schedule> => {
  const schedule = await getSchedule(db, principal.tenantId, id);
  if (!schedule || !isInScope(principal, schedule)) throw new KaziError('SCHEDULE_NOT_FOUND');
  if (principal.userId !== null && schedule.userId === null) {
    throw new KaziError('RECORD_MISSING_OWNER', { record: 'Schedule response', owner: 'user_id' });
  }
  // A credential of a whole tenant, or of named sessions, stands above users; an anonymous one stands below them.
  const isAboveUsers = principal.userId === null && !principal.isAnonymous;
  if (!isAboveUsers && schedule.userId !== principal.userId) throw new KaziError('SCHEDULE_NOT_FOUND');
  return schedule;
};

const isInScope = ({ sessionIds }: Principal, { sessionId }: Schedule): boolean =>
  sessionIds === null || sessionIds.includes(sessionId);
