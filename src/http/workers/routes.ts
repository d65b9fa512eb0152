import type { FastifyInstance } from 'fastify';
import { addEmailRoutes } from './email.ts';
import { addFileRoutes } from './files.ts';
import type { WorkerRoutesOptions } from './options.ts';
import { addScheduleRoutes } from './schedules.ts';
import { addStreamRoutes } from './stream.ts';
import { addTurnRoutes } from './turns.ts';
import { addWebhookRoutes } from './webhooks.ts';
import { addWorkerRecordRoutes } from './workers.ts';

/** All routes of the workers API. */
export const addWorkerRoutes = (server: FastifyInstance, options: WorkerRoutesOptions): void => {
  addTurnRoutes(server, options);
  addWorkerRecordRoutes(server, options);
  addStreamRoutes(server, options);
  addFileRoutes(server, options);
  addEmailRoutes(server, options);
  addWebhookRoutes(server, options);
  addScheduleRoutes(server, options);
};
