import { randomInt } from 'node:crypto';
import { KaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import { openWebhook } from '../core/webhook.ts';
import { deleteEndpoint, updateEndpoint } from '../storage/webhook-endpoints.ts';
import { createWorkerWebhook, getWorkerWebhook, type WebhookOwner } from '../storage/worker-webhooks.ts';
import type { ActionContext } from './context.ts';
import { findWorker } from './find-worker.ts';
import { prepareWebhook } from './prepare-webhook.ts';

/** Where the ends of a worker's turns are told, and the token that comes with them; both null when nowhere. */
export interface WorkerWebhook {
  readonly url: string | null;
  readonly token: string | null;
}

const NONE: WorkerWebhook = { url: null, token: null };

/** Throws as findWorker does. */
export const readWorkerWebhook = async (
  context: ActionContext,
  principal: Principal,
  workerId: string,
): Promise<WorkerWebhook> => {
  const { worker } = await findWorker(context, principal, workerId);
  return await read(context, worker);
};

/** Sets where a worker's turns are told, or null: nowhere. The token stays while there is a URL. Throws as findWorker and prepareWebhook do. */
export const setWorkerWebhook = async (
  context: ActionContext,
  principal: Principal,
  { workerId, url }: { readonly workerId: string; readonly url: string | null },
): Promise<WorkerWebhook> => {
  const { worker } = await findWorker(context, principal, workerId);
  const before = await read(context, worker);
  if (url !== null) return await store(context, worker, { url, token: before.token ?? newToken() });
  const known = await getWorkerWebhook(context.db, worker);
  if (known) await deleteEndpoint(context.db, { tenantId: worker.tenantId, id: known.id });
  return NONE;
};

/** Gives a worker's webhook a new token; the one before is dead at once. Throws as findWorker does, and NO_WORKER_WEBHOOK. */
export const renewWebhookToken = async (
  context: ActionContext,
  principal: Principal,
  workerId: string,
): Promise<WorkerWebhook> => {
  const { worker } = await findWorker(context, principal, workerId);
  const { url } = await read(context, worker);
  if (url === null) throw new KaziError('NO_WORKER_WEBHOOK');
  return await store(context, worker, { url, token: newToken() });
};

const read = async (context: ActionContext, worker: WebhookOwner): Promise<WorkerWebhook> => {
  const known = await getWorkerWebhook(context.db, worker);
  if (!known) return NONE;
  const { signingSecret } = openWebhook(context.keyring, worker.tenantId, known.config);
  return { url: known.config.url, token: signingSecret };
};

const store = async (
  context: ActionContext,
  worker: WebhookOwner,
  { url, token }: { readonly url: string; readonly token: string },
): Promise<WorkerWebhook> => {
  const { tenantId } = worker;
  const request = { url, signingSecret: token, headers: { 'X-Handinger-Token': token } };
  const config = await prepareWebhook(context, tenantId, request);
  const known = await getWorkerWebhook(context.db, worker);
  if (known) await updateEndpoint(context.db, { tenantId, id: known.id }, { config, isEnabled: true });
  else await createWorkerWebhook(context.db, worker, config);
  return await read(context, worker);
};

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

const newToken = (): string => `whk_${Array.from({ length: 32 }, () => LETTERS[randomInt(LETTERS.length)]).join('')}`;
