import type { FastifyInstance } from 'fastify';
import type { Upgrades } from '../upgrade.ts';
import { addArtifactRoutes } from './artifacts.ts';
import { addEventRoutes } from './events.ts';
import { addJobRecordRoutes } from './jobs.ts';
import type { JobRoutesOptions } from './options.ts';
import { addQueryRoutes } from './query.ts';
import { addQueueRoutes } from './queue.ts';
import { addScheduleRunRoutes } from './schedule-runs.ts';
import { addScheduleRoutes } from './schedules.ts';
import { addSessionRoutes } from './sessions.ts';
import { addSocketRoutes } from './sockets/routes.ts';
import { addStopRoutes } from './stop.ts';
import { addSubmitRoutes } from './submit.ts';

/** All routes of the jobs API. */
export const addJobRoutes = (server: FastifyInstance, options: JobRoutesOptions, upgrades: Upgrades): void => {
  addQueryRoutes(server, options);
  addSubmitRoutes(server, options);
  addJobRecordRoutes(server, options.context);
  addArtifactRoutes(server, options.context);
  addEventRoutes(server, options);
  addSessionRoutes(server, options.context);
  addQueueRoutes(server, options);
  addStopRoutes(server, options);
  addSocketRoutes(server, options, upgrades);
  addScheduleRoutes(server, options.context);
  addScheduleRunRoutes(server, options);
};
