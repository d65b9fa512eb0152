import type { FastifyInstance, FastifyReply } from 'fastify';
import { openWorkerFile } from '../../actions/read-worker-files.ts';
import { parseArtifactPath } from '../../core/artifact-path.ts';
import { isKaziError, KaziError } from '../../core/errors.ts';
import { sendDownload } from '../download.ts';
import type { WorkerRoutesOptions } from './options.ts';
import { addWorkerRoute, type WorkerExchange, workerIdOf } from './worker-route.ts';

/** `/api/workers/{id}/files/{path}`: the files of a worker's workspace. */
export const addFileRoutes = (server: FastifyInstance, options: WorkerRoutesOptions): void => {
  addWorkerRoute(server, options, {
    method: ['GET', 'HEAD'],
    path: '/:workerId/files/*',
    readsQueryToken: true,
    handle: download,
  });
};

const download = async (exchange: WorkerExchange): Promise<FastifyReply> => {
  const { context, principal, request, reply } = exchange;
  const { '*': encodedPath } = request.params as { readonly '*': string };
  const reference = { id: workerIdOf(exchange), toPath: () => parseFilePath(encodedPath) };
  const file = await openWorkerFile(context, principal, reference);
  reply.raw.once('close', () => void file.close());
  const { path, sizeBytes, sha256 } = file;
  return await sendDownload(request, reply, { path, sizeBytes, sha256, read: async (part) => await file.read(part) });
};

/** Throws INVALID_ARTIFACT_PATH for broken percent-encoding, FILE_NOT_FOUND for everything that cannot name a file inside. */
const parseFilePath = (encodedPath: string): string => {
  try {
    return parseArtifactPath(encodedPath);
  } catch (error) {
    throw isKaziError(error, 'ARTIFACT_NOT_FOUND') ? new KaziError('FILE_NOT_FOUND', {}, { cause: error }) : error;
  }
};
