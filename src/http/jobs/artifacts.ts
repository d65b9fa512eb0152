import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { ActionContext, LiveFile } from '../../actions/context.ts';
import { listJobFiles, readArtifact } from '../../actions/read-artifacts.ts';
import type { ByteRange } from '../../blobs/store.ts';
import { artifactContentType } from '../../core/artifact-download.ts';
import { parseArtifactPath } from '../../core/artifact-path.ts';
import { sendDownload } from '../download.ts';
import { addRoute, type Exchange, NO_BODY } from '../route.ts';
import { toSeconds } from '../seconds.ts';
import { readJobReference } from './job-reference.ts';
import { toManifest } from './translate.ts';

/** `/jobs/{id}/artifacts`: what a job made. */
export const addArtifactRoutes = (server: FastifyInstance, context: ActionContext): void => {
  addRoute(server, context, {
    method: 'GET',
    url: '/jobs/:jobId/artifacts',
    access: { who: 'read', readsQueryToken: true, record: 'job' },
    ...NO_BODY,
    handle: async (exchange) => {
      const reference = await readJobReference(exchange);
      const files = await listJobFiles(context, exchange.principal, reference);
      const artifacts = 'frozen' in files ? toManifest(files.frozen) : toLiveManifest(files.live);
      return { ok: true, job_id: reference.jobId, artifacts };
    },
  });
  addRoute(server, context, {
    method: ['GET', 'HEAD'],
    url: '/jobs/:jobId/artifacts/*',
    access: { who: 'read', readsQueryToken: true, record: 'job' },
    ...NO_BODY,
    handle: download,
  });
};

/** Files of a job that still runs: they may change, so they have no digest yet. */
const toLiveManifest = (files: readonly LiveFile[]): Readonly<Record<string, unknown>> => ({
  root: null,
  files: files
    .toSorted((one, other) => (one.path < other.path ? -1 : 1))
    .map((file) => ({
      path: file.path,
      size_bytes: file.sizeBytes,
      content_type: artifactContentType(file.path),
      checksum_sha256: null,
      modified_at: toSeconds(file.modifiedAt),
      created_at: null,
    })),
});

const download = async (exchange: Exchange<unknown>): Promise<FastifyReply> => {
  const { context, principal, request, reply } = exchange;
  const { '*': encodedPath } = request.params as { readonly '*': string };
  const entry = await readArtifact(context, principal, {
    ...(await readJobReference(exchange)),
    toPath: () => parseArtifactPath(encodedPath),
  });
  const read = async (part?: ByteRange): Promise<Readable> => await context.blobs.open(entry.sha256, part);
  return await sendDownload(request, reply, { ...entry, read });
};
