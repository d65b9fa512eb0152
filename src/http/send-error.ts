import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { finished } from 'node:stream';
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { type ErrorCode, KaziError } from '../core/errors.ts';
import { toBatchesErrorAnswer } from './batches/errors.ts';
import { CORS_HEADERS } from './cors.ts';
import type { ErrorAnswer } from './error-answer.ts';
import { toErrorAnswer } from './jobs/errors.ts';
import { requestIdOf } from './request-id.ts';
import { pathOf } from './request-url.ts';
import { toWorkerErrorAnswer } from './workers/errors.ts';

/** Errors of the HTTP layer by their code there; all others of it are malformed requests. */
const FRAMEWORK_CODES: Readonly<Record<string, ErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'BODY_TOO_LARGE',
  HPE_HEADER_OVERFLOW: 'HEADERS_TOO_LARGE',
  ERR_HTTP_REQUEST_TIMEOUT: 'REQUEST_TIMEOUT',
};

/** Most bytes of a refused body that are still read, so that its sender comes to read the answer: 16 times what a request may have. */
const MOST_DRAINED_BYTES = 64 * 1024 * 1024;

/** Answers a failed request. What is not an error of kazi's registry is a defect: a bare 500 to the client, the cause to the log. */
export const sendError = (log: Logger, error: unknown, request: FastifyRequest, reply: FastifyReply): void => {
  const known = toKaziError(error);
  if (known.status >= 500) {
    // The path alone: a query string may hold a token.
    const fields = { err: error, requestId: request.id, method: request.method, path: pathOf(request.url) };
    if (known.code === 'INTERNAL') log.error(fields, 'request failed');
    else log.warn(fields, 'request failed');
  }
  const answer = toAnswer(known, request);
  reply.headers(answer.headers ?? {});
  if (answer.retryAfterSeconds !== null) reply.header('Retry-After', String(answer.retryAfterSeconds));
  reply.code(answer.status).header('Content-Type', answer.contentType);
  afterBody(request, reply, () => void reply.send(answer.body));
};

/**
 * A connection that is closed while its client still writes is reset, and the client never sees why. So it stays open, and
 * what comes is read and forgotten; where the client itself wants it closed, the answer waits for the end of the body.
 */
const afterBody = ({ raw, headers }: FastifyRequest, reply: FastifyReply, send: () => void): void => {
  const isDrained = !raw.complete && Number(headers['content-length']) <= MOST_DRAINED_BYTES;
  if (isDrained) reply.removeHeader('connection');
  if (!isDrained || headers.connection?.toLowerCase() !== 'close') {
    send();
    return;
  }
  finished(raw, { writable: false }, send);
  raw.resume();
};

/** Families with an envelope of their own, by the beginning of their paths; the others answer as the jobs API does. */
const ENVELOPES: readonly (readonly [string, (error: KaziError, requestId: string) => ErrorAnswer])[] = [
  ['/v1/', toBatchesErrorAnswer],
  ['/api/', toWorkerErrorAnswer],
];

const toAnswer = (error: KaziError, request: FastifyRequest): ErrorAnswer => {
  const path = `${pathOf(request.url)}/`;
  const own = ENVELOPES.find(([beginning]) => path.startsWith(beginning))?.[1];
  return own ? own(error, request.id) : toErrorAnswer(error, request.routeOptions.config.errorFields?.(error, request));
};

/** Answers what never became a request: bytes that are not HTTP, too many headers, a request that did not arrive in time. */
export const answerClientError = (error: NodeJS.ErrnoException, socket: Socket): void => {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const known = new KaziError(FRAMEWORK_CODES[error.code ?? ''] ?? 'MALFORMED_HTTP', {}, { cause: error });
  const answer = toErrorAnswer(known);
  const headers: Readonly<Record<string, string>> = {
    ...CORS_HEADERS,
    'X-Request-Id': requestIdOf(undefined),
    'Content-Type': answer.contentType,
    'Content-Length': String(Buffer.byteLength(answer.body)),
    Connection: 'close',
  };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${answer.status} ${STATUS_CODES[answer.status] ?? ''}\r\n${lines.join('')}\r\n${answer.body}`);
};

const toKaziError = (error: unknown): KaziError => {
  if (error instanceof KaziError) return error;
  const code = FRAMEWORK_CODES[codeOf(error)];
  if (code !== undefined) return new KaziError(code, {}, { cause: error });
  const status = error instanceof Error ? (error as FastifyError).statusCode : undefined;
  const isClientFault = codeOf(error).startsWith('FST_') && status !== undefined && status < 500;
  return new KaziError(isClientFault ? 'MALFORMED_HTTP' : 'INTERNAL', {}, { cause: error });
};

const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
