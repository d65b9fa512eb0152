import type { Principal } from '../core/principal.ts';
import { listWebhookExecutions, type WebhookExecution } from '../storage/worker-webhooks.ts';
import type { ActionContext } from './context.ts';
import { findWorker } from './find-worker.ts';

/** A page of the attempts to tell a worker's webhook, newest first, with how many there are. Throws as findWorker does. */
export const readWebhookExecutions = async (
  context: ActionContext,
  principal: Principal,
  { workerId, ...page }: { readonly workerId: string; readonly limit: number; readonly offset: number },
): Promise<{ readonly executions: readonly WebhookExecution[]; readonly total: number }> => {
  const { worker } = await findWorker(context, principal, workerId);
  return await listWebhookExecutions(context.db, worker, page);
};
