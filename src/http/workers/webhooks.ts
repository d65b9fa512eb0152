import type { FastifyInstance } from 'fastify';
import { findWorker } from '../../actions/find-worker.ts';
import { readWebhookExecutions } from '../../actions/read-webhook-executions.ts';
import { readWorkerWebhook, renewWebhookToken, setWorkerWebhook } from '../../actions/set-worker-webhook.ts';
import { toWebhookId } from '../../core/webhook-id.ts';
import { invalid, parseObject } from './body.ts';
import type { WorkerRoutesOptions } from './options.ts';
import { addWorkerRoute, type WorkerExchange, workerIdOf } from './worker-route.ts';

const MOST_CHARACTERS = 2_048;
const PAGE_ROWS = 50;

/** `/api/workers/{id}/webhook`: where the ends of its turns are told (section 11). */
export const addWebhookRoutes = (server: FastifyInstance, options: WorkerRoutesOptions): void => {
  const path = '/:workerId/webhook';
  addWorkerRoute(server, options, {
    method: 'GET',
    path,
    handle: async (exchange) => await readWorkerWebhook(exchange.context, exchange.principal, workerIdOf(exchange)),
  });
  addWorkerRoute(server, options, {
    method: 'PUT',
    path,
    handle: async (exchange) => {
      const { context, principal, body } = exchange;
      const workerId = workerIdOf(exchange);
      await findWorker(context, principal, workerId);
      return await setWorkerWebhook(context, principal, { workerId, url: readUrl(body) });
    },
  });
  addWorkerRoute(server, options, {
    method: 'DELETE',
    path,
    handle: async (exchange) => {
      const { context, principal } = exchange;
      return await setWorkerWebhook(context, principal, { workerId: workerIdOf(exchange), url: null });
    },
  });
  addWorkerRoute(server, options, {
    method: 'POST',
    path: `${path}/regenerate-token`,
    handle: async (exchange) => await renewWebhookToken(exchange.context, exchange.principal, workerIdOf(exchange)),
  });
  addWorkerRoute(server, options, { method: 'GET', path: `${path}/executions`, handle: listExecutions });
};

const readUrl = (bytes: Buffer | undefined): string | null => {
  const { url } = parseObject(bytes);
  if (url === null) return null;
  const isHttps = typeof url === 'string' && url.length <= MOST_CHARACTERS && URL.canParse(url);
  if (!isHttps || new URL(url).protocol !== 'https:') {
    throw invalid(`url must be an https URL of at most ${MOST_CHARACTERS} characters, or null`);
  }
  return url;
};

const listExecutions = async (exchange: WorkerExchange): Promise<unknown> => {
  const { context, principal, query } = exchange;
  const workerId = workerIdOf(exchange);
  await findWorker(context, principal, workerId);
  const text = query.get('page') ?? '1';
  if (!/^[1-9]\d{0,6}$/.test(text)) throw invalid('page must be an integer of at least 1');
  const page = Number(text);
  const rows = { workerId, limit: PAGE_ROWS, offset: (page - 1) * PAGE_ROWS };
  const { executions, total } = await readWebhookExecutions(context, principal, rows);
  return {
    logs: executions.map((execution) => ({
      // The same letters as those of a delivery.
      id: toWebhookId(execution.id).replace('msg_', 'whe_'),
      workerId,
      taskId: execution.jobId,
      taskTitle: execution.input.slice(0, 80),
      url: execution.url,
      requestStatus: execution.error === null ? 'success' : 'error',
      responseStatus: execution.status,
      errorMessage: execution.error,
      durationMs: execution.durationMs,
      createdAt: execution.startedAt.toISOString(),
    })),
    page,
    pageCount: Math.ceil(total / PAGE_ROWS),
    totalCount: total,
  };
};
