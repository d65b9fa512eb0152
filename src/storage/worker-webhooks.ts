import type { StoredWebhook } from '../core/webhook.ts';
import type { Queryable } from './database.ts';

/** Whose webhook it is. */
export interface WebhookOwner {
  readonly tenantId: string;
  readonly id: string;
}

/** The endpoint of a worker; undefined when it has none. */
export const getWorkerWebhook = async (
  db: Queryable,
  { tenantId, id }: WebhookOwner,
): Promise<{ readonly id: string; readonly config: StoredWebhook } | undefined> =>
  (await db.query<{ id: string; config: StoredWebhook }>('worker-webhooks/get', [tenantId, id]))[0];

/** Makes the endpoint of a worker, unless it has one. */
export const createWorkerWebhook = async (
  db: Queryable,
  { tenantId, id }: WebhookOwner,
  config: StoredWebhook,
): Promise<void> => {
  await db.query('worker-webhooks/create', [tenantId, id, JSON.stringify(config)]);
};

/** The worker whose webhook an endpoint is; undefined for one of an admin. */
export const findWorkerOfEndpoint = async (db: Queryable, endpointId: string): Promise<string | undefined> =>
  (await db.query<{ worker_id: string }>('worker-webhooks/is-worker', [endpointId]))[0]?.worker_id;

/** One attempt to tell a worker's webhook. */
export interface WebhookExecution {
  readonly id: string;
  readonly jobId: string | null;
  readonly input: string;
  readonly url: string;
  readonly status: number | null;
  readonly error: string | null;
  readonly durationMs: number;
  readonly startedAt: Date;
}

/** Newest first, with how many there are. */
export const listWebhookExecutions = async (
  db: Queryable,
  { tenantId, id }: WebhookOwner,
  page: { readonly limit: number; readonly offset: number },
): Promise<{ readonly executions: readonly WebhookExecution[]; readonly total: number }> => {
  const rows = await db.query<{
    total: number;
    id: string | null;
    job_id: string | null;
    question: string | null;
    url: string;
    status: number | null;
    error: string | null;
    duration_ms: number;
    started_at: Date;
  }>('worker-webhooks/list-attempts', [tenantId, id, page.limit, page.offset]);
  const executions = rows.flatMap((row) =>
    row.id === null
      ? []
      : [
          {
            id: row.id,
            jobId: row.job_id,
            input: row.question ?? '',
            url: row.url,
            status: row.status,
            error: row.error,
            durationMs: row.duration_ms,
            startedAt: row.started_at,
          },
        ],
  );
  return { executions, total: rows[0]?.total ?? 0 };
};
