import type { StoredWebhook } from '../core/webhook.ts';
import type { Queryable } from './database.ts';
import { toDatabaseText } from './json.ts';

/** Where a tenant is told of events. */
export interface WebhookEndpoint {
  readonly id: string;
  readonly name: string;
  readonly config: StoredWebhook;
  /** Until when the signing secret before signs too; null when there is none. */
  readonly previousUntil: Date | null;
  /** Empty = all. */
  readonly events: readonly string[];
  /** Null = of all sessions. */
  readonly sessionId: string | null;
  readonly createdAt: Date;
  readonly updatedAt: Date;
  readonly failures: number;
  readonly failingSince: Date | null;
  readonly disabledAt: Date | null;
  readonly disabledReason: string | null;
}

interface EndpointRow {
  id: string;
  name: string;
  config: StoredWebhook;
  previous_until: Date | null;
  events: string[];
  session_id: string | null;
  created_at: Date;
  updated_at: Date;
  failures: number;
  failing_since: Date | null;
  disabled_at: Date | null;
  disabled_reason: string | null;
}

const toEndpoint = (row: EndpointRow): WebhookEndpoint => ({
  id: row.id,
  name: row.name,
  config: row.config,
  previousUntil: row.previous_until,
  events: row.events,
  sessionId: row.session_id,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
  failures: row.failures,
  failingSince: row.failing_since,
  disabledAt: row.disabled_at,
  disabledReason: row.disabled_reason,
});

/** Which endpoint is meant. */
export interface EndpointKey {
  readonly tenantId: string;
  readonly id: string;
}

/** Stores an endpoint; its tenant exists. */
export const insertEndpoint = async (
  db: Queryable,
  { tenantId, id }: EndpointKey,
  endpoint: Pick<WebhookEndpoint, 'name' | 'config' | 'events' | 'sessionId'>,
): Promise<WebhookEndpoint> => {
  const [row] = await db.query<EndpointRow>('webhook-endpoints/create', [
    id,
    tenantId,
    endpoint.name,
    JSON.stringify(endpoint.config),
    endpoint.events,
    endpoint.sessionId,
  ]);
  if (!row) throw new Error('the endpoint was not stored');
  return toEndpoint(row);
};

export const listEndpoints = async (db: Queryable, tenantId: string): Promise<WebhookEndpoint[]> =>
  (await db.query<EndpointRow>('webhook-endpoints/list', [tenantId, null])).map(toEndpoint);

export const getEndpoint = async (
  db: Queryable,
  { tenantId, id }: EndpointKey,
): Promise<WebhookEndpoint | undefined> => {
  const [row] = await db.query<EndpointRow>('webhook-endpoints/list', [tenantId, id]);
  return row && toEndpoint(row);
};

/** What changes of an endpoint; absent fields stay. */
export interface EndpointChange {
  readonly name?: string | undefined;
  readonly config?: StoredWebhook | undefined;
  readonly events?: readonly string[] | undefined;
  /** True puts it into use again. */
  readonly isEnabled?: true | undefined;
  /** The sealed secret before, null = none, and how long it signs beside the new one. */
  readonly previous?: { readonly sealed: string | null; readonly keepMs: number } | undefined;
}

/** The endpoint as it is then; undefined when there is none. */
export const updateEndpoint = async (
  db: Queryable,
  { tenantId, id }: EndpointKey,
  change: EndpointChange,
): Promise<WebhookEndpoint | undefined> => {
  const { config, previous } = change;
  const [row] = await db.query<EndpointRow>('webhook-endpoints/change', [
    tenantId,
    id,
    change.name ?? null,
    config === undefined ? null : JSON.stringify(config),
    change.events ?? null,
    change.isEnabled ?? false,
    previous?.sealed ?? null,
    previous === undefined ? null : previous.sealed === null ? 0 : previous.keepMs,
  ]);
  return row && toEndpoint(row);
};

/** False when there was none. */
export const deleteEndpoint = async (db: Queryable, { tenantId, id }: EndpointKey): Promise<boolean> =>
  (await db.query('webhook-endpoints/delete', [tenantId, id])).length > 0;

/** Id of a delivery that tries the endpoint; undefined when there is none. */
export const insertTestDelivery = async (
  db: Queryable,
  { tenantId, id }: EndpointKey,
  body: Readonly<Record<string, unknown>>,
): Promise<string | undefined> => {
  const [row] = await db.query<{ id: string }>('webhook-endpoints/test', [
    tenantId,
    id,
    toDatabaseText(JSON.stringify(body)),
  ]);
  return row?.id;
};
