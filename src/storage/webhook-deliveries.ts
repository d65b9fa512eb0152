import type { StoredWebhook } from '../core/webhook.ts';
import type { AttemptResult, ClaimedDelivery } from '../core/webhook-delivery.ts';
import type { Queryable } from './database.ts';
import { toDatabaseText } from './json.ts';

/** What a node has room for. */
export interface DeliveryRoom {
  readonly nodeId: number;
  /** How many more attempts those targets may have that have some under way here; every other one may have `perTarget`. */
  readonly busyTargets: ReadonlyMap<string, number>;
  readonly perTarget: number;
  readonly limit: number;
}

interface ClaimedRow {
  id: string;
  lease_id: number;
  tenant_id: string;
  job_id: string | null;
  endpoint_id: string | null;
  event: string;
  event_at: Date;
  payload: unknown;
  target: string;
  attempts: number;
  replayed_after: number;
  webhook: StoredWebhook;
  previous_sealed: string | null;
  closed: 'deleted' | 'disabled' | null;
}

const toClaimed = (row: ClaimedRow): ClaimedDelivery => ({
  id: row.id,
  leaseId: row.lease_id,
  tenantId: row.tenant_id,
  jobId: row.job_id,
  endpointId: row.endpoint_id,
  event: row.event,
  eventAt: row.event_at,
  payload: row.payload,
  target: row.target,
  attempts: row.attempts,
  replayedAfter: row.replayed_after,
  webhook: row.webhook,
  previousSecret: row.previous_sealed,
  closedReason: row.closed && `The endpoint is ${row.closed}`,
});

const roomOf = ({ busyTargets, perTarget, limit }: DeliveryRoom): readonly unknown[] => [
  [...busyTargets.keys()],
  [...busyTargets.values()].map((free) => Math.max(0, free)),
  perTarget,
  limit,
];

/** Takes due deliveries of these jobs. */
export const claimJobDeliveries = async (
  db: Queryable,
  jobIds: readonly string[],
  room: DeliveryRoom,
): Promise<ClaimedDelivery[]> => {
  const rows = await db.query<ClaimedRow>('webhook-deliveries/claim-jobs', [room.nodeId, jobIds, ...roomOf(room)]);
  return rows.map(toClaimed);
};

export interface DueDeliveries {
  readonly deliveries: readonly ClaimedDelivery[];
  /** Where the next look goes on; empty = at the first target again. */
  readonly nextTarget: string;
}

/** Takes due deliveries of the next `window` targets after one. */
export const claimDueDeliveries = async (
  db: Queryable,
  look: { readonly afterTarget: string; readonly window: number },
  room: DeliveryRoom,
): Promise<DueDeliveries> => {
  const rows = await db.query<
    { last_target: string | null; seen: number } & { [column in keyof ClaimedRow]: ClaimedRow[column] | null }
  >('webhook-deliveries/claim-due', [room.nodeId, ...roomOf(room), look.afterTarget, look.window]);
  const first = rows[0];
  return {
    deliveries: rows.filter((row): row is typeof row & ClaimedRow => row.id !== null).map(toClaimed),
    nextTarget: first && first.seen >= look.window ? (first.last_target ?? '') : '',
  };
};

/** Milliseconds until the next planned attempt; null when none is planned. */
export const nextDeliveryInMs = async (db: Queryable): Promise<number | null> => {
  const [row] = await db.query<{ in_ms: number }>('webhook-deliveries/next-due');
  return row?.in_ms ?? null;
};

/** How an endpoint stands after an attempt; zeros for deliveries that are not to an endpoint. */
export interface EndpointHealth {
  readonly failures: number;
  readonly failingMs: number;
}

/** Writes down an attempt and plans the next one, or none; undefined when another node has the delivery by now. */
export const finishAttempt = async (
  db: Queryable,
  { id, leaseId, webhook }: Pick<ClaimedDelivery, 'id' | 'leaseId' | 'webhook'>,
  result: AttemptResult & { readonly nextInMs: number | null },
): Promise<EndpointHealth | undefined> => {
  const [row] = await db.query<{ failures: number | null; failing_ms: number | null }>('webhook-deliveries/finish', [
    id,
    leaseId,
    result.isSuccess,
    result.nextInMs,
    result.status,
    result.error === null ? null : toDatabaseText(result.error),
    result.responseBody === null ? null : toDatabaseText(result.responseBody),
    Math.round(result.durationMs),
    webhook.url,
  ]);
  return row && { failures: row.failures ?? 0, failingMs: row.failing_ms ?? 0 };
};

/** Gives a delivery back whose attempt was not made; with a reason it is over. */
export const giveBackDelivery = async (
  db: Queryable,
  { id, leaseId }: Pick<ClaimedDelivery, 'id' | 'leaseId'>,
  reason: string | null,
): Promise<void> => {
  await db.query('webhook-deliveries/give-back', [id, leaseId, reason]);
};

/** Takes back what nodes that are gone were sending; gives their number. */
export const takeBackDeliveries = async (db: Queryable): Promise<number> => {
  const [row] = await db.query<{ taken: number }>('webhook-deliveries/take-back');
  return row?.taken ?? 0;
};

/** False when it was out of use already. */
export const disableEndpoint = async (db: Queryable, id: string, reason: string): Promise<boolean> => {
  const [row] = await db.query<{ changed: boolean }>('webhook-deliveries/disable-endpoint', [
    id,
    toDatabaseText(reason),
  ]);
  return row?.changed ?? false;
};
