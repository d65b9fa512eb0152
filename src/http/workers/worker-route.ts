import type { FastifyInstance } from 'fastify';
import { parseWorkerId } from '../../core/worker-id.ts';
import { decodeOnce } from '../path-parameter.ts';
import { type ApiRoute, addRoute, type Exchange } from '../route.ts';
import type { WorkerRoutesOptions } from './options.ts';

/** A request about one worker; the body is the handler's to parse, once the worker is known to be the caller's. */
export type WorkerExchange = Exchange<Buffer | undefined>;

export interface WorkerRoute extends Pick<ApiRoute<Buffer | undefined>, 'method' | 'handle'> {
  /** Below /api/workers. */
  readonly path: string;
  /** True where turns are made. */
  readonly rateLimited?: true;
  /** True on `GET`s of files and streams. */
  readonly readsQueryToken?: boolean;
}

/** Registers a route of this family: the credential is looked at before anything else (section 2). */
export const addWorkerRoute = (server: FastifyInstance, { context }: WorkerRoutesOptions, route: WorkerRoute): void => {
  const isRead = [route.method].flat().every((method) => method === 'GET' || method === 'HEAD');
  addRoute<Buffer | undefined>(server, context, {
    method: route.method,
    url: `/api/workers${route.path}`,
    access: { who: isRead ? 'read' : 'submit', readsQueryToken: route.readsQueryToken ?? false, record: 'worker' },
    ...(route.rateLimited ? { rateLimited: true } : {}),
    isAuthenticatedFirst: true,
    readBody: (bytes) => bytes,
    hintsOf: null,
    handle: route.handle,
  });
};

/** The worker that the path names. Throws INVALID_WORKER_ID. */
export const workerIdOf = ({ request }: WorkerExchange): string => {
  const { workerId } = request.params as { readonly workerId: string };
  return parseWorkerId(decodeOnce(workerId));
};
