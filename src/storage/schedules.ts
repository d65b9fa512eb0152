import type { PlannedFire } from '../core/schedule/due-plan.ts';
import type { Schedule, ScheduleKind, ScheduleOwner, ScheduleTerms } from '../core/schedule/schedule.ts';
import type { Queryable } from './database.ts';
import { toDatabaseJson } from './json.ts';
import { type ScheduleRow, toSchedule, toTermColumns } from './schedule-row.ts';

/** The schedule with that id in that tenant. */
export const getSchedule = async (db: Queryable, tenantId: string, id: string): Promise<Schedule | undefined> => {
  const [row] = await db.query<ScheduleRow>('schedules/get', [id, tenantId]);
  return row && toSchedule(row);
};

export interface ScheduleFilter {
  readonly tenantId: string;
  /** undefined = of any user; null = only schedules without a user. */
  readonly userId: string | null | undefined;
  /** Null = of any. */
  readonly sessionId: string | null;
  readonly enabled: boolean | null;
  readonly kind: ScheduleKind | null;
}

/** Schedules of a tenant, newest first. */
export const listSchedules = async (db: Queryable, filter: ScheduleFilter): Promise<Schedule[]> => {
  const { tenantId, userId, sessionId, enabled, kind } = filter;
  const parameters = [tenantId, userId ?? null, userId === null, sessionId, enabled, kind];
  return (await db.query<ScheduleRow>('schedules/list', parameters)).map(toSchedule);
};

/** Lets this transaction alone add schedules to the tenant; gives how many it has, and the time. */
export const lockTenantSchedules = async (
  tx: Queryable,
  tenantId: string,
): Promise<{ readonly count: number; readonly now: Date }> => {
  const [lock] = await tx.query<{ now: Date }>('schedules/lock-tenant', [tenantId]);
  // A statement of its own: it has to see what was committed while the lock was waited for.
  const [row] = await tx.query<{ count: number }>('schedules/count', [tenantId]);
  if (!lock || !row) throw new Error('counting schedules returned no row');
  return { count: row.count, now: lock.now };
};

/** The newest schedule that a request with this hash made within the age; for retries of SDKs without a key. */
export const findScheduleByRequest = async (
  db: Queryable,
  request: {
    readonly tenantId: string;
    readonly userId: string | null;
    readonly requestHash: string;
    readonly maxAgeMs: number;
  },
): Promise<string | undefined> => {
  const { tenantId, userId, requestHash, maxAgeMs } = request;
  const [row] = await db.query<{ id: string }>('schedules/find-request', [tenantId, userId, requestHash, maxAgeMs]);
  return row?.id;
};

/** A schedule on its way in. */
export interface NewScheduleRow {
  readonly id: string;
  readonly owner: ScheduleOwner;
  readonly sessionId: string;
  readonly sessionMode: Schedule['sessionMode'];
  readonly terms: ScheduleTerms;
  readonly next: PlannedFire | null;
  /** Decimal text of a signed 64-bit number. */
  readonly requestHash: string;
}

export const createSchedule = async (tx: Queryable, row: NewScheduleRow): Promise<void> => {
  const { owner } = row;
  const columns = {
    id: row.id,
    tenant_id: owner.tenantId,
    user_id: owner.userId,
    is_anonymous: owner.isAnonymous,
    api_key_id: owner.apiKeyId,
    session_id: row.sessionId,
    session_mode: row.sessionMode,
    ...toTermColumns(row.terms),
    ...toNextColumns(row.next),
    request_hash: row.requestHash,
  };
  await tx.query('schedules/create', [toDatabaseJson(columns)]);
};

/** Locks a schedule for the rest of the transaction; gives the time, undefined when there is none. */
export const lockSchedule = async (tx: Queryable, tenantId: string, id: string): Promise<Date | undefined> =>
  (await tx.query<{ now: Date }>('schedules/lock', [id, tenantId]))[0]?.now;

/** Changes a schedule that this transaction has locked; what it would try again is given up once it is paused. */
export const updateSchedule = async (
  tx: Queryable,
  before: Schedule,
  change: {
    readonly terms: ScheduleTerms;
    readonly next: PlannedFire | null;
    /** True when the same due time may fire once more. */
    readonly isArmedAnew: boolean;
  },
): Promise<void> => {
  const columns = { id: before.id, ...toTermColumns(change.terms), ...toNextColumns(change.next) };
  const isResumed = !before.enabled && change.terms.enabled;
  await tx.query('schedules/update', [toDatabaseJson(columns), change.isArmedAnew, isResumed]);
  if (before.enabled && !change.terms.enabled) await tx.query('schedules/drop-pending', [before.id]);
};

/** Removes a schedule and its runs; false when there is none. */
export const deleteSchedule = async (db: Queryable, tenantId: string, id: string): Promise<boolean> =>
  (await db.query('schedules/delete', [id, tenantId])).length > 0;

const toNextColumns = (next: PlannedFire | null): Record<string, unknown> => ({
  next_due_at: next && new Date(next.dueMs),
  next_fire_at: next && new Date(next.fireMs),
});
