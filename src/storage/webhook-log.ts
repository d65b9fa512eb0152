import type { DeliveryState } from '../core/webhook-delivery.ts';
import type { Queryable } from './database.ts';
import { toDatabaseText } from './json.ts';

/** A delivery as its log shows it. */
export interface LoggedDelivery {
  readonly id: string;
  readonly jobId: string | null;
  /** Null for the webhook that the job itself brought. */
  readonly endpointId: string | null;
  readonly event: string;
  readonly url: string;
  readonly state: DeliveryState;
  readonly attempts: number;
  /** Of the next attempt; null when none is planned, or one is under way. */
  readonly dueAt: Date | null;
  readonly lastStatus: number | null;
  readonly lastError: string | null;
  readonly deliveredAt: Date | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
}

interface DeliveryRow {
  id: string;
  job_id: string | null;
  endpoint_id: string | null;
  event: string;
  url: string;
  state: DeliveryState;
  attempts: number;
  due_at: Date | null;
  last_status: number | null;
  last_error: string | null;
  delivered_at: Date | null;
  created_at: Date;
  updated_at: Date;
}

const toDelivery = (row: DeliveryRow): LoggedDelivery => ({
  id: row.id,
  jobId: row.job_id,
  endpointId: row.endpoint_id,
  event: row.event,
  url: row.url,
  state: row.state,
  attempts: row.attempts,
  dueAt: row.due_at,
  lastStatus: row.last_status,
  lastError: row.last_error,
  deliveredAt: row.delivered_at,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

export interface DeliveryFilter {
  readonly tenantId: string;
  readonly state: DeliveryState | null;
  readonly endpointId: string | null;
  readonly jobId: string | null;
  readonly event: string | null;
  readonly since: Date | null;
  /** Only older ones than this. */
  readonly beforeId: string | null;
  readonly limit: number;
}

/** Deliveries of a tenant, newest first. */
export const listDeliveries = async (db: Queryable, filter: DeliveryFilter): Promise<LoggedDelivery[]> => {
  const rows = await db.query<DeliveryRow>('webhook-log/list', [
    filter.tenantId,
    filter.state,
    filter.endpointId,
    filter.jobId,
    filter.event === null ? null : toDatabaseText(filter.event),
    filter.since,
    filter.beforeId,
    filter.limit,
  ]);
  return rows.map(toDelivery);
};

export const getDelivery = async (db: Queryable, tenantId: string, id: string): Promise<LoggedDelivery | undefined> => {
  const [row] = await db.query<DeliveryRow>('webhook-log/get', [tenantId, id]);
  return row && toDelivery(row);
};

/** One attempt of a delivery. */
export interface LoggedAttempt {
  readonly number: number;
  readonly url: string;
  readonly status: number | null;
  readonly error: string | null;
  /** The first 4 kB of the answer. */
  readonly responseBody: string | null;
  readonly durationMs: number;
  readonly startedAt: Date;
}

/** The newest attempts, oldest first. */
export const listAttempts = async (db: Queryable, deliveryId: string, limit: number): Promise<LoggedAttempt[]> => {
  const rows = await db.query<{
    number: number;
    url: string;
    status: number | null;
    error: string | null;
    response_body: string | null;
    duration_ms: number;
    started_at: Date;
  }>('webhook-log/list-attempts', [deliveryId, limit]);
  return rows.map((row) => ({
    number: row.number,
    url: row.url,
    status: row.status,
    error: row.error,
    responseBody: row.response_body,
    durationMs: row.duration_ms,
    startedAt: row.started_at,
  }));
};

/** Makes a delivery due at once; false when an attempt is under way. */
export const replayDelivery = async (db: Queryable, tenantId: string, id: string): Promise<boolean> =>
  (await db.query('webhook-log/replay', [tenantId, id])).length > 0;

/** Makes failed deliveries due at once; gives their number. */
export const replayFailedDeliveries = async (
  db: Queryable,
  which: {
    readonly tenantId: string;
    readonly since: Date;
    readonly endpointId: string | null;
    readonly limit: number;
  },
): Promise<number> =>
  (await db.query('webhook-log/replay-failed', [which.tenantId, which.since, which.endpointId, which.limit])).length;

/** Forgets deliveries of endpoints that ended so many days ago, a part of them at a time; gives their number. */
export const pruneDeliveries = async (db: Queryable, days: number, limit: number): Promise<number> =>
  (await db.query('webhook-log/prune', [days, limit])).length;
