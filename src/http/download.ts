import type { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { artifactContentType, attachmentDisposition } from '../core/artifact-download.ts';
import { KaziError } from '../core/errors.ts';
import { type RangeAnswer, readRange } from './byte-range.ts';

/** A file that a client fetches. */
export interface Download {
  readonly path: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  /** By its extension; null when unknown. */
  readonly contentType?: string | null;
  /** All of it, or one part with both ends included. */
  readonly read: (part?: { readonly firstByte: number; readonly lastByte: number }) => Promise<Readable>;
}

/** Answers with the file, or the range of it that was asked for. Throws RANGE_NOT_SATISFIABLE. */
export const sendDownload = async (
  request: FastifyRequest,
  reply: FastifyReply,
  file: Download,
): Promise<FastifyReply> => {
  const etag = `"${file.sha256}"`;
  reply.header('ETag', etag).header('Accept-Ranges', 'bytes').header('X-Content-Type-Options', 'nosniff');
  if (isSameVersion(request.headers['if-none-match'], etag)) return reply.code(304).send();
  const range = rangeOf(request, file, etag);
  if (range.kind === 'unsatisfiable') {
    reply.header('Content-Range', `bytes */${file.sizeBytes}`);
    throw new KaziError('RANGE_NOT_SATISFIABLE', { found: request.headers.range ?? '', size: file.sizeBytes });
  }
  const length = describeContent(reply, file, range);
  if (request.method === 'HEAD' || length === 0) return reply.send('');
  return reply.send(await file.read(range.kind === 'part' ? range : undefined));
};

/** Sets the headers of the content and the status; returns how many bytes follow. */
const describeContent = (reply: FastifyReply, file: Download, range: RangeAnswer): number => {
  let length = file.sizeBytes;
  if (range.kind === 'part') {
    length = range.lastByte - range.firstByte + 1;
    reply.code(206).header('Content-Range', `bytes ${range.firstByte}-${range.lastByte}/${file.sizeBytes}`);
  }
  const { contentType = artifactContentType(file.path) } = file;
  reply
    .header('Content-Type', contentType ?? 'application/octet-stream')
    .header('Content-Length', String(length))
    .header('Content-Disposition', attachmentDisposition(file.path));
  return length;
};

/** A range counts on GET only, and with If-Range only while the file is the one that the client began with. */
const rangeOf = (request: FastifyRequest, file: Download, etag: string): RangeAnswer => {
  const condition = request.headers['if-range'];
  if (request.method !== 'GET' || (condition !== undefined && condition !== etag)) return { kind: 'whole' };
  return readRange(request.headers.range, file.sizeBytes);
};

const isSameVersion = (header: string | undefined, etag: string): boolean =>
  header !== undefined &&
  header.split(',').some((candidate) => candidate.trim() === '*' || candidate.trim().replace(/^W\//, '') === etag);
