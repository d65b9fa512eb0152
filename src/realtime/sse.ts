import { once } from 'node:events';
import type { Writable } from 'node:stream';
import type { SessionEvent } from '../core/event.ts';

/** An event as every stream and page of the log carries it. */
export interface EventView {
  readonly seq: number;
  readonly type: string;
  readonly job_id: string | null;
  /** Unix milliseconds. */
  readonly at: number;
  readonly data: Readonly<Record<string, unknown>>;
  readonly message: SessionEvent['message'];
}

/** The event as clients see it. */
export const toEventView = (event: SessionEvent): EventView => ({
  seq: event.seq,
  type: event.type,
  job_id: event.jobId,
  at: event.at.getTime(),
  data: event.data,
  message: event.message,
});

/** Encodes events as server-sent events; one that goes to many clients is encoded once. */
export class FrameEncoder {
  readonly #frames = new WeakMap<SessionEvent, string>();

  encode(event: SessionEvent): string {
    let frame = this.#frames.get(event);
    if (frame === undefined) {
      // JSON text has no line break, so the data is one line.
      frame = `id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(toEventView(event))}\n\n`;
      this.#frames.set(event, frame);
    }
    return frame;
  }
}

export interface EventStream {
  readonly batches: AsyncIterable<readonly SessionEvent[]>;
  readonly encoder: FrameEncoder;
  /** The response; its head has been sent. Ended with the stream. */
  readonly target: Writable;
  /** Aborted when the client has gone or the server stops. */
  readonly signal: AbortSignal;
  readonly keepAliveMs: number;
}

/** What goes out in one write; the next one waits until the client has taken it. */
const WRITE_CHARACTERS = 65_536;
/** How long a client waits before it resumes. */
const RETRY_MS = 1_000;

/**
 * Writes the stream as fast as the client reads, with a comment now and then that keeps the connection alive. Closes with
 * the cursor of the last event, which is where the client resumes.
 */
export const writeEventStream = async (stream: EventStream): Promise<void> => {
  const { target, batches, encoder, keepAliveMs } = stream;
  const keepAlive = setInterval(() => {
    if (!target.writableNeedDrain) target.write(': keep-alive\n\n');
  }, keepAliveMs);
  let cursor: number | undefined;
  try {
    target.write(`retry: ${RETRY_MS}\n\n`);
    for await (const batch of batches) {
      let text = '';
      for (const event of batch) {
        text += encoder.encode(event);
        if (text.length >= WRITE_CHARACTERS) {
          await send(stream, text);
          text = '';
        }
      }
      if (text !== '') await send(stream, text);
      cursor = batch.at(-1)?.seq ?? cursor;
      if (stream.signal.aborted) break;
    }
    if (cursor !== undefined) target.write(`id: ${cursor}\n\n`);
  } finally {
    clearInterval(keepAlive);
    target.end();
  }
};

const send = async ({ target, signal }: EventStream, text: string): Promise<void> => {
  if (target.write(text) || signal.aborted) return;
  await once(target, 'drain', { signal }).catch(() => undefined /* aborted: the batches end by themselves */);
};
