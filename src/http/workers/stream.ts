import type { FastifyInstance, FastifyReply } from 'fastify';
import type { AcceptedTurn } from '../../actions/accept-turn.ts';
import { findJob } from '../../actions/find-job.ts';
import { findWorker } from '../../actions/find-worker.ts';
import type { WorkerEvent } from '../../core/worker.ts';
import { writeFrameStream } from '../../realtime/frame-stream.ts';
import { followJob } from '../../realtime/job-stream.ts';
import { followWorker } from '../../realtime/worker-stream.ts';
import { invalid } from './body.ts';
import type { WorkerRoutesOptions } from './options.ts';
import { SessionParts } from './session-parts.ts';
import type { UiPart } from './ui-part.ts';
import { addWorkerRoute, type WorkerExchange, workerIdOf } from './worker-route.ts';
import { baseUrlOf, fileUrl } from './worker-url.ts';

/** One line, without a blank one: the decoders of the oldest SDKs take any event for JSON. */
const HEARTBEAT = { text: ': hb\n', afterMs: 15_000 } as const;

/** `GET /api/workers/{id}/stream`: what a worker says and does, as a UI message stream (section 6). */
export const addStreamRoutes = (server: FastifyInstance, options: WorkerRoutesOptions): void => {
  addWorkerRoute(server, options, {
    method: 'GET',
    path: '/:workerId/stream',
    readsQueryToken: true,
    handle: async (exchange) => await streamWorker(exchange, options, workerIdOf(exchange)),
  });
};

/** Streams the turn under way and all that wait, or the newest one; after `Last-Event-ID`, what follows it. 204 when nothing does. */
export const streamWorker = async (
  exchange: WorkerExchange,
  options: WorkerRoutesOptions,
  workerId: string,
): Promise<FastifyReply> => {
  const { context, principal, request, reply } = exchange;
  const { session } = await findWorker(context, principal, workerId);
  const afterSeq = readCursor(request.headers['last-event-id']);
  const signal = signalOf(exchange, options);
  const stream = await followWorker(options.hub, context.db, { sessionNum: session.num, afterSeq, signal });
  const parts = new SessionParts(placeOf(exchange, options, workerId));
  for (const event of stream.earlier) parts.add(event);
  const frames = toFrames(stream.batches, parts);
  if (!stream.isFinite) return send(exchange, options, { frames, signal });
  const first = await frames.next();
  if (first.done) return reply.code(204).send();
  return send(exchange, options, { frames: startingWith(first.value, frames), signal });
};

/** Streams one turn from its start to its end. */
export const streamTurn = async (
  exchange: WorkerExchange,
  options: WorkerRoutesOptions,
  turn: AcceptedTurn,
): Promise<FastifyReply> => {
  const { context, principal } = exchange;
  const { jobId, workerId } = turn;
  const job = await findJob(context, principal, { jobId, namedSessionId: workerId });
  const signal = signalOf(exchange, options);
  const batches = await followJob(options.hub, context.db, { job, afterSeq: null, signal });
  const frames = toFrames(batches, new SessionParts(placeOf(exchange, options, workerId)));
  return send(exchange, options, { frames, signal });
};

const placeOf = ({ request }: WorkerExchange, { publicUrl }: WorkerRoutesOptions, workerId: string) => {
  const base = baseUrlOf(request, publicUrl);
  return { workerId, fileUrl: (path: string) => fileUrl(base, workerId, path) };
};

const signalOf = ({ reply }: WorkerExchange, { draining }: WorkerRoutesOptions): AbortSignal => {
  const gone = new AbortController();
  // The turn goes on without its reader.
  reply.raw.once('close', () => gone.abort());
  return AbortSignal.any([gone.signal, draining]);
};

/** Frames of at most about so many characters, so that a slow reader holds little. */
const FRAME_CHARACTERS = 65_536;

async function* toFrames(
  batches: AsyncIterable<readonly WorkerEvent[]>,
  parts: SessionParts,
): AsyncGenerator<string, void, void> {
  for await (const batch of batches) {
    let text = '';
    for (const event of batch) {
      text += encode(event.seq, parts.add(event));
      if (text.length < FRAME_CHARACTERS) continue;
      yield text;
      text = '';
    }
    if (text !== '') yield text;
  }
}

/** Only the last part of a log entry has its number: whoever resumes there has the whole entry. */
const encode = (seq: number, parts: readonly UiPart[]): string =>
  parts
    .map((part, index) => {
      const id = index === parts.length - 1 ? `id: ${seq}\n` : '';
      // JSON text has no line break, so the data is one line.
      return `${id}data: ${JSON.stringify(part)}\n\n`;
    })
    .join('');

async function* startingWith(first: string, rest: AsyncIterable<string>): AsyncGenerator<string, void, void> {
  yield first;
  yield* rest;
}

interface Sending {
  readonly frames: AsyncIterable<string>;
  readonly signal: AbortSignal;
}

/** From here on the response is ours: Fastify no longer writes to it. */
const send = (
  exchange: WorkerExchange,
  { draining }: WorkerRoutesOptions,
  { frames, signal }: Sending,
): FastifyReply => {
  const { context, request, reply } = exchange;
  reply
    .header('Content-Type', 'text/event-stream; charset=utf-8')
    .header('Cache-Control', 'no-cache, no-transform')
    .header('X-Accel-Buffering', 'no')
    .header('x-vercel-ai-ui-message-stream', 'v1')
    .hijack();
  for (const [name, value] of Object.entries(reply.getHeaders()))
    if (value !== undefined) reply.raw.setHeader(name, value);
  reply.raw.writeHead(200);
  reply.raw.flushHeaders();
  void writeFrameStream({ frames, signal, target: reply.raw, heartbeat: HEARTBEAT })
    .catch((error: unknown) => {
      // The head is out, so the stream can only break; the client resumes at its cursor.
      context.log.error({ err: error, requestId: request.id }, 'a stream of a worker broke');
      reply.raw.destroy();
    })
    .finally(() => {
      // Its head promised to keep the connection open.
      if (draining.aborted) reply.raw.socket?.destroySoon();
    });
  return reply;
};

const readCursor = (header: string | string[] | undefined): number | null => {
  if (header === undefined) return null;
  const text = typeof header === 'string' ? header.trim() : '';
  if (!/^\d{1,15}$/.test(text)) throw invalid('Last-Event-ID must be an integer');
  return Number(text);
};
