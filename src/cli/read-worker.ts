import type { ApiClient } from './client.ts';
import { type WireWorker, workerSchema } from './wire-worker.ts';

/** Where a worker is in the API. */
export const workerPath = (id: string): string => `/api/workers/${encodeURIComponent(id)}`;

/** The worker as it stands. Throws CommandFailure. */
export const readWorker = async (client: ApiClient, id: string): Promise<WireWorker> =>
  await client.request(workerSchema, { path: workerPath(id), headers: { accept: 'application/json' } });
