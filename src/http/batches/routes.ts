import { readFileSync } from 'node:fs';
import type { FastifyInstance } from 'fastify';
import { addProfileRoutes } from './agents.ts';
import { addBatchRoutes } from './batches.ts';
import { addItemRoutes } from './items.ts';
import type { BatchesRoutesOptions } from './options.ts';
import { addRunRoutes } from './runs.ts';

/** All routes of the batches API. */
export const addBatchesRoutes = (server: FastifyInstance, options: BatchesRoutesOptions): void => {
  addBatchRoutes(server, options);
  addItemRoutes(server, options.context);
  addProfileRoutes(server, options.context);
  addRunRoutes(server, options.context);
  const health = { version: readVersion(), status: 'ok' };
  server.get('/v1/health', { config: { access: { who: 'public' } } }, async () => await Promise.resolve(health));
};

const readVersion = (): string => {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { readonly version: string }).version;
};
