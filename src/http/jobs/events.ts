import type { FastifyInstance, FastifyReply } from 'fastify';
import { findJob } from '../../actions/find-job.ts';
import { KaziError } from '../../core/errors.ts';
import type { SessionEvent } from '../../core/event.ts';
import { followJob, readJobPage } from '../../realtime/job-stream.ts';
import { FrameEncoder, toEventView, writeEventStream } from '../../realtime/sse.ts';
import { readCount } from '../query-values.ts';
import { addRoute, type Exchange, NO_BODY } from '../route.ts';
import { readJobReference } from './job-reference.ts';
import type { JobRoutesOptions } from './options.ts';

const KEEP_ALIVE_MS = 15_000;
const LIMIT = { name: 'limit', fallback: 500, min: 1, max: 1_000 } as const;

/**
 * `GET /jobs/{id}/events`: what a job does, as server-sent events to its end, or as one JSON page for a client that
 * accepts `application/json`. The cursor is the `seq` of the last event received: `Last-Event-ID`, else `?after=`.
 * A client closes at the event that ends the job (core/job-end.ts); if it resumes after it, the stream ends at once.
 */
export const addEventRoutes = (server: FastifyInstance, options: JobRoutesOptions): void => {
  const encoder = new FrameEncoder();
  addRoute(server, options.context, {
    method: 'GET',
    url: '/jobs/:jobId/events',
    access: { who: 'read', readsQueryToken: true, record: 'job' },
    ...NO_BODY,
    handle: async (exchange) => {
      const { context, principal, request, query } = exchange;
      const job = await findJob(context, principal, await readJobReference(exchange));
      const afterSeq = readCursor(request.headers['last-event-id'], query);
      if (wantsPage(request.headers.accept)) {
        const page = await readJobPage(context.db, { job, afterSeq, limit: readCount(query, LIMIT) });
        return { ok: true, events: page.events.map(toEventView), next_after: page.nextAfter };
      }
      return await stream(exchange, options, { job, afterSeq, encoder });
    },
  });
};

type Start = Pick<Parameters<typeof followJob>[2], 'job' | 'afterSeq'> & { readonly encoder: FrameEncoder };

const stream = async (exchange: Exchange<unknown>, options: JobRoutesOptions, start: Start): Promise<FastifyReply> => {
  const { context, reply } = exchange;
  const { hub, draining } = options;
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort());
  const signal = AbortSignal.any([gone.signal, draining]);
  const batches = await followJob(hub, context.db, { ...start, signal });
  sendHead(reply);
  void write(exchange, { batches, encoder: start.encoder, signal }).finally(() => {
    // Its head promised to keep the connection open.
    if (draining.aborted) reply.raw.socket?.destroySoon();
  });
  return reply;
};

/** From here on the response is ours: Fastify no longer writes to it. */
const sendHead = (reply: FastifyReply): void => {
  reply
    .header('Content-Type', 'text/event-stream; charset=utf-8')
    .header('Cache-Control', 'no-store')
    .header('X-Accel-Buffering', 'no')
    .hijack();
  for (const [name, value] of Object.entries(reply.getHeaders()))
    if (value !== undefined) reply.raw.setHeader(name, value);
  reply.raw.writeHead(200);
};

interface Writing {
  readonly batches: AsyncIterable<readonly SessionEvent[]>;
  readonly encoder: FrameEncoder;
  readonly signal: AbortSignal;
}

const write = async ({ context, request, reply }: Exchange<unknown>, writing: Writing): Promise<void> => {
  try {
    await writeEventStream({ ...writing, target: reply.raw, keepAliveMs: KEEP_ALIVE_MS });
  } catch (error) {
    // The head is out, so the stream can only break; the client resumes at its cursor.
    context.log.error({ err: error, requestId: request.id }, 'an event stream broke');
    reply.raw.destroy();
  }
};

const readCursor = (header: string | string[] | undefined, query: URLSearchParams): number | null => {
  // An EventSource that resumes sends the header to the URL that it began with, so the header is the newer one.
  const text = (typeof header === 'string' && header !== '' ? header : query.get('after')) ?? '';
  if (text === '') return null;
  const seq = /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  if (seq === undefined) {
    const message = `Invalid cursor: found "${text.slice(0, 80)}", expected the id of an event that was received.`;
    throw new KaziError('INVALID_REQUEST', { message });
  }
  return seq;
};

/** A client that names both gets the stream, which is what the path is for. */
const wantsPage = (accept: string | undefined): boolean =>
  accept !== undefined && accept.includes('application/json') && !accept.includes('text/event-stream');
