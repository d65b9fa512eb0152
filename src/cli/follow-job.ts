import { setTimeout as delay } from 'node:timers/promises';
import { EventSourceParserStream } from 'eventsource-parser/stream';
import { backoffMs } from '../core/backoff.ts';
import { JOB_END_EVENTS } from '../core/event.ts';
import { isTerminal } from '../core/job.ts';
import type { ApiClient } from './client.ts';
import { CommandFailure } from './exit-code.ts';
import { type JobEvent, jobEventSchema } from './wire.ts';

export interface FollowOptions {
  readonly jobId: string;
  readonly signal: AbortSignal;
  /** Events up to this one are left out; 0 when absent. */
  readonly afterSeq?: number;
  /** Called when the connection was lost, before it is tried again. */
  readonly onInterruption?: () => void;
}

/** A server that is restarted, or whose job moves to another node, is back well within this time. */
const PATIENCE_MS = 180_000;
/** The server sends a comment every few seconds; a connection that is silent for this long is dead. */
const SILENCE_MS = 45_000;
/** Types of the wire are any text: a newer server may have more of them. */
const END_EVENTS: ReadonlySet<string> = JOB_END_EVENTS;

/**
 * The events of a job, each once and in order, until the job writes no more. A lost connection is taken up again after
 * the last event that arrived. Throws CommandFailure (unreachable) when the server stays away.
 */
export async function* followJob(client: ApiClient, options: FollowOptions): AsyncGenerator<JobEvent> {
  const { jobId, signal } = options;
  let afterSeq = options.afterSeq ?? 0;
  let lastHeardAtMs = performance.now();
  for (let attempt = 1; ; attempt += 1) {
    let received = 0;
    try {
      for await (const event of readJobEvents(client, { jobId, signal, afterSeq })) {
        received += 1;
        lastHeardAtMs = performance.now();
        if (event.seq <= afterSeq) continue;
        afterSeq = event.seq;
        yield event;
        if (isLastEvent(event)) return;
      }
      // Closed without a new event: either nothing is left to come, or the server went away.
      if (received === 0 && isTerminal((await client.getJob(jobId, signal)).status)) return;
    } catch (error) {
      if (!isInterruption(error) || signal.aborted) throw error;
      if (performance.now() - lastHeardAtMs > PATIENCE_MS) throw error;
    }
    if (received > 0) attempt = 1;
    options.onInterruption?.();
    const waitMs = 50 + backoffMs({ attempt, firstMs: 100, longestMs: 2_000, random: Math.random });
    await delay(waitMs, undefined, { signal });
  }
}

/** The events of one connection. Ends when the server closes it; throws `Interruption` when it breaks or falls silent. */
async function* readJobEvents(
  client: ApiClient,
  { jobId, signal, afterSeq }: { readonly jobId: string; readonly signal: AbortSignal; readonly afterSeq: number },
): AsyncGenerator<JobEvent> {
  const silence = new AbortController();
  const timer = setTimeout(() => silence.abort(), SILENCE_MS);
  try {
    const bytes = await client.openEvents(jobId, { afterSeq, signal: AbortSignal.any([signal, silence.signal]) });
    const messages = bytes
      .pipeThrough(onEachChunk(() => timer.refresh()))
      .pipeThrough(new TextDecoderStream())
      .pipeThrough(new EventSourceParserStream());
    for await (const message of messages) {
      const event = parseEvent(message.data);
      if (event !== null) yield event;
    }
  } catch (error) {
    if (signal.aborted || error instanceof CommandFailure) throw error;
    throw new Interruption(`the event stream of "${client.url}" broke`, { cause: error });
  } finally {
    clearTimeout(timer);
  }
}

/** The rule of core/job-end.ts: a job that was canceled while it waited has no run to wait for. */
const isLastEvent = ({ type, data }: JobEvent): boolean =>
  END_EVENTS.has(type) || (type === 'job.canceled' && data['was_running'] === false);

/** A connection that broke while it was read. */
class Interruption extends CommandFailure {
  constructor(message: string, options: { readonly cause: unknown }) {
    super('unreachable', message, options);
  }
}

const isInterruption = (error: unknown): boolean => error instanceof CommandFailure && error.reason === 'unreachable';

const onEachChunk = (tell: () => void): TransformStream<Uint8Array, Uint8Array> =>
  new TransformStream({
    transform(chunk, controller) {
      tell();
      controller.enqueue(chunk);
    },
  });

/** Null for a message that is none of ours: newer servers may send more kinds. */
const parseEvent = (text: string): JobEvent | null => {
  try {
    const event: unknown = JSON.parse(text);
    jobEventSchema.parse(event);
    // The event itself: `--json` prints it as it came.
    return event as JobEvent;
  } catch {
    // Not an event as we know them; the next one may be.
    return null;
  }
};
