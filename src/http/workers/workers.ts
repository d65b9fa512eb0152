import type { FastifyInstance } from 'fastify';
import { deleteWorker } from '../../actions/delete-worker.ts';
import { findWorker } from '../../actions/find-worker.ts';
import { readWorker } from '../../actions/read-worker.ts';
import { updateWorker, type WorkerTemplate } from '../../actions/update-worker.ts';
import { KaziError } from '../../core/errors.ts';
import { invalid } from './body.ts';
import { parseChange } from './change-schema.ts';
import { wantsEventStream } from './client-generation.ts';
import type { WorkerRoutesOptions } from './options.ts';
import { streamWorker } from './stream.ts';
import { addWorkerRoute, workerIdOf } from './worker-route.ts';
import { baseUrlOf, workerUrl } from './worker-url.ts';
import { toWorker } from './worker-view.ts';

/** `/api/workers/{id}`: reading, changing and deleting a worker. */
export const addWorkerRecordRoutes = (server: FastifyInstance, options: WorkerRoutesOptions): void => {
  const { publicUrl } = options;
  addWorkerRoute(server, options, {
    method: 'GET',
    path: '/:workerId',
    readsQueryToken: true,
    handle: async (exchange) => {
      const { context, principal, request, query } = exchange;
      const stream = query.get('stream') ?? 'false';
      const isStream = wantsEventStream(request, stream === 'true');
      // In the query string a credential counts for streams only.
      if (!isStream && request.headers.authorization === undefined) throw new KaziError('MISSING_CREDENTIAL');
      const id = workerIdOf(exchange);
      await findWorker(context, principal, id);
      if (stream !== 'true' && stream !== 'false') throw invalid('stream must be true or false');
      if (isStream) return await streamWorker(exchange, options, id);
      return toWorker(await readWorker(context, principal, id), baseUrlOf(request, publicUrl));
    },
  });
  addWorkerRoute(server, options, {
    method: 'PATCH',
    path: '/:workerId',
    handle: async (exchange) => {
      const { context, principal, request, body } = exchange;
      const id = workerIdOf(exchange);
      await findWorker(context, principal, id);
      const template = await updateWorker(context, principal, { id, change: parseChange(body) });
      return toTemplate(template, baseUrlOf(request, publicUrl));
    },
  });
  addWorkerRoute(server, options, {
    method: 'DELETE',
    path: '/:workerId',
    handle: async (exchange) => {
      await deleteWorker(exchange.context, exchange.principal, workerIdOf(exchange));
      return { deleted: true };
    },
  });
};

/** WorkerTemplate (section 10). */
const toTemplate = (template: WorkerTemplate, base: string): Readonly<Record<string, unknown>> => {
  const { worker, settings, userId, firstInput } = template;
  return {
    id: worker.id,
    createdAt: worker.createdAt.toISOString(),
    updatedAt: worker.updatedAt.toISOString(),
    instructions: settings.instructions,
    organizationId: worker.tenantId,
    userId: userId ?? '',
    outputSchema: settings.outputSchema,
    summary: worker.summary,
    title: worker.title ?? firstInput.slice(0, 80),
    url: workerUrl(base, worker.id),
    visibility: 'private',
  };
};
