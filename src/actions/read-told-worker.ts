import { getSession } from '../storage/sessions.ts';
import { findWorkerOfEndpoint } from '../storage/worker-webhooks.ts';
import { getWorker } from '../storage/workers.ts';
import type { ActionContext } from './context.ts';
import { viewWorker, type WorkerView } from './read-worker.ts';

/** The worker that a delivery tells of: for kazi itself, which asks for nobody. Undefined for what is not to a worker's webhook. */
export const readToldWorker = async (
  context: ActionContext,
  { tenantId, endpointId }: { readonly tenantId: string; readonly endpointId: string | null },
): Promise<WorkerView | undefined> => {
  const id = endpointId === null ? undefined : await findWorkerOfEndpoint(context.db, endpointId);
  if (id === undefined) return undefined;
  const [worker, session] = await Promise.all([
    getWorker(context.db, { tenantId, id }),
    getSession(context.db, tenantId, id),
  ]);
  return worker && session && (await viewWorker(context, { worker, session }));
};
