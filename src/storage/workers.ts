import type { JsonSchema } from '../core/json-schema.ts';
import type { Worker, WorkerSettings } from '../core/worker.ts';
import type { Database, Queryable } from './database.ts';
import { toDatabaseJson } from './json.ts';

interface WorkerRow {
  id: string;
  tenant_id: string;
  mail_token: string;
  title: string | null;
  summary: string;
  created_at: Date;
  updated_at: Date;
}

const toWorker = (row: WorkerRow): Worker => ({
  id: row.id,
  tenantId: row.tenant_id,
  mailToken: row.mail_token,
  title: row.title,
  summary: row.summary,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
});

/** Which worker is meant. */
export interface WorkerName {
  readonly tenantId: string;
  readonly id: string;
}

/** Makes the row of a worker. The tenant must be known; the session comes after it. */
export const createWorker = async (
  db: Queryable,
  worker: WorkerName & { readonly mailToken: string },
): Promise<void> => {
  await db.query('workers/create', [worker.tenantId, worker.id, worker.mailToken]);
};

/** The worker, unless it was deleted. */
export const getWorker = async (db: Queryable, { tenantId, id }: WorkerName): Promise<Worker | undefined> => {
  const [row] = await db.query<WorkerRow>('workers/get', [tenantId, id]);
  return row && toWorker(row);
};

/** False when it had been deleted before. */
export const deleteWorker = async (db: Queryable, { tenantId, id }: WorkerName): Promise<boolean> =>
  (await db.query('workers/delete', [tenantId, id])).length > 0;

interface SettingsRow {
  instructions: string;
  output_schema: JsonSchema | null;
}

const NO_SETTINGS: WorkerSettings = Object.freeze({ instructions: '', outputSchema: null });

const toSettings = (row: SettingsRow | undefined): WorkerSettings =>
  row ? { instructions: row.instructions, outputSchema: row.output_schema } : NO_SETTINGS;

/** What the next turn of a worker runs with. */
export const getWorkerSettings = async (db: Queryable, { tenantId, id }: WorkerName): Promise<WorkerSettings> =>
  toSettings((await db.query<SettingsRow>('workers/get-settings', [tenantId, id]))[0]);

/** What a job runs with: what its worker had when it first started. */
export const getJobSettings = async (
  db: Queryable,
  job: { readonly id: string; readonly tenantId: string; readonly sessionId: string; readonly sessionNum: number },
): Promise<WorkerSettings> => {
  const parameters = [job.tenantId, job.sessionId, job.sessionNum, job.id];
  return toSettings((await db.query<SettingsRow>('workers/get-job-settings', parameters))[0]);
};

/** What changes; absent fields stay as they are. */
export interface WorkerChange {
  readonly title?: string | undefined;
  readonly summary?: string | undefined;
  readonly settings?: Partial<WorkerSettings> | undefined;
}

/** Changes a worker; undefined when it was deleted. Two changes at a time come one after the other. */
export const updateWorker = async (
  db: Database,
  { tenantId, id }: WorkerName,
  change: WorkerChange,
): Promise<Worker | undefined> =>
  await db.transaction(async (tx) => {
    const { title = null, summary = null, settings } = change;
    const [row] = await tx.query<WorkerRow>('workers/update', [tenantId, id, title, summary]);
    if (!row) return undefined;
    if (settings) {
      const { instructions, outputSchema } = { ...(await getWorkerSettings(tx, { tenantId, id })), ...settings };
      const schema = outputSchema === null ? null : toDatabaseJson(outputSchema);
      await tx.query('workers/add-settings', [tenantId, id, instructions, schema]);
    }
    return toWorker(row);
  });
