import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { ActionContext, LiveFile } from '../../actions/context.ts';
import { listJobFiles, readArtifact } from '../../actions/read-artifacts.ts';
import type { ArtifactEntry } from '../../core/artifact.ts';
import { artifactContentType, attachmentDisposition } from '../../core/artifact-download.ts';
import { parseArtifactPath } from '../../core/artifact-path.ts';
import { KaziError } from '../../core/errors.ts';
import { type RangeAnswer, readRange } from '../byte-range.ts';
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
  const etag = `"${entry.sha256}"`;
  reply.header('ETag', etag).header('Accept-Ranges', 'bytes').header('X-Content-Type-Options', 'nosniff');
  if (isSameVersion(request.headers['if-none-match'], etag)) return reply.code(304).send();
  const range = rangeOf(request, entry, etag);
  if (range.kind === 'unsatisfiable') {
    reply.header('Content-Range', `bytes */${entry.sizeBytes}`);
    throw new KaziError('RANGE_NOT_SATISFIABLE', { found: request.headers.range ?? '', size: entry.sizeBytes });
  }
  const length = describeContent(reply, entry, range);
  if (request.method === 'HEAD' || length === 0) return reply.send('');
  const part = range.kind === 'part' ? range : undefined;
  return reply.send(await context.blobs.open(entry.sha256, part));
};

/** Sets the headers of the content and the status; returns how many bytes follow. */
const describeContent = (reply: FastifyReply, entry: ArtifactEntry, range: RangeAnswer): number => {
  let length = entry.sizeBytes;
  if (range.kind === 'part') {
    length = range.lastByte - range.firstByte + 1;
    reply.code(206).header('Content-Range', `bytes ${range.firstByte}-${range.lastByte}/${entry.sizeBytes}`);
  }
  reply
    .header('Content-Type', entry.contentType ?? 'application/octet-stream')
    .header('Content-Length', String(length))
    .header('Content-Disposition', attachmentDisposition(entry.path));
  return length;
};

/** A range counts on GET only, and with If-Range only while the file is the one that the client began with. */
const rangeOf = (request: FastifyRequest, entry: ArtifactEntry, etag: string): RangeAnswer => {
  const condition = request.headers['if-range'];
  if (request.method !== 'GET' || (condition !== undefined && condition !== etag)) return { kind: 'whole' };
  return readRange(request.headers.range, entry.sizeBytes);
};

const isSameVersion = (header: string | undefined, etag: string): boolean =>
  header !== undefined &&
  header.split(',').some((candidate) => candidate.trim() === '*' || candidate.trim().replace(/^W\//, '') === etag);
