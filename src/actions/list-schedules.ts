import type { Principal } from '../core/principal.ts';
import type { Schedule, ScheduleKind } from '../core/schedule/schedule.ts';
import { listSchedules } from '../storage/schedules.ts';
import type { ActionContext } from './context.ts';
import { readableUser } from './list-jobs.ts';

/** Schedules that the principal may read, newest first; what it may not read is left out. */
export const listReadableSchedules = async (
  context: ActionContext,
  principal: Principal,
  request: {
    /** The session that a session-bound credential named. */
    readonly sessionId: string | null;
    readonly enabled: boolean | null;
    readonly kind: ScheduleKind | null;
  },
): Promise<Schedule[]> =>
  await listSchedules(context.db, {
    tenantId: principal.tenantId,
    userId: readableUser(principal),
    sessionId: principal.sessionIds === null ? null : request.sessionId,
    enabled: request.enabled,
    kind: request.kind,
  });
