import type { FastifyRequest } from 'fastify';

/** Where clients reach this server: as the operator says, else as the request came. No slash at the end. */
export const baseUrlOf = (request: FastifyRequest, publicUrl: string | null): string =>
  (publicUrl ?? `${request.protocol}://${request.host}`).replace(/\/+$/, '');

export const workerUrl = (base: string, workerId: string): string =>
  `${base}/api/workers/${encodeURIComponent(workerId)}`;

/** Where a file of a worker is; the credential goes into the request. */
export const fileUrl = (base: string, workerId: string, path: string): string =>
  `${workerUrl(base, workerId)}/files/${path.split('/').map(encodeURIComponent).join('/')}`;
