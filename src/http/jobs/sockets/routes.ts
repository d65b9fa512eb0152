import type { FastifyInstance } from 'fastify';
import { loadJob } from '../../../actions/read-job.ts';
import type { Upgrades } from '../../upgrade.ts';
import type { JobRoutesOptions } from '../options.ts';
import { addEventBusRoutes } from './event-bus.ts';
import { LogTranslator } from './log-translator.ts';
import { OpenSockets } from './open-sockets.ts';
import { addQueryStreamRoute } from './query-stream.ts';
import { SOCKET_SETTINGS } from './settings.ts';

/** All WebSockets of the jobs API (section 10). */
export const addSocketRoutes = (server: FastifyInstance, routes: JobRoutesOptions, upgrades: Upgrades): void => {
  const { context, realtime, draining } = routes;
  const settings = { ...SOCKET_SETTINGS, ...routes.sockets };
  const openSockets = new OpenSockets({ settings, keys: realtime.keys, draining });
  const translator = new LogTranslator(async (jobId) => await loadJob(context, jobId));
  const options = { routes, upgrades, openSockets, translator, settings };
  addQueryStreamRoute(server, options);
  addEventBusRoutes(server, options);
};
