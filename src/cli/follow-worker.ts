import { setTimeout as delay } from 'node:timers/promises';
import { EventSourceParserStream } from 'eventsource-parser/stream';
import { backoffMs } from '../core/backoff.ts';
import type { ApiClient } from './client.ts';
import { CommandFailure } from './exit-code.ts';
import { workerPath } from './read-worker.ts';
import { partSchema, type WirePart } from './wire-worker.ts';

/** A server that is restarted, or whose turn moves to another node, is back well within this time. */
const PATIENCE_MS = 180_000;

/**
 * The parts of a worker's turns, from the one under way (or the newest) until it is idle. A lost connection is taken up
 * again after the last number that arrived. Throws CommandFailure (unreachable) when the server stays away.
 */
export async function* followWorker(
  client: ApiClient,
  { id, signal }: { readonly id: string; readonly signal: AbortSignal },
): AsyncGenerator<WirePart> {
  let lastId: string | undefined;
  let isOpen = true;
  let lastHeardAtMs = performance.now();
  for (let attempt = 1; isOpen; attempt += 1) {
    try {
      const headers = { accept: 'text/event-stream', ...(lastId === undefined ? {} : { 'last-event-id': lastId }) };
      const body = await client.openBody({ path: `${workerPath(id)}/stream`, headers, signal });
      if (body === null) return;
      for await (const message of body
        .pipeThrough(new TextDecoderStream())
        .pipeThrough(new EventSourceParserStream())) {
        lastHeardAtMs = performance.now();
        attempt = 1;
        if (message.id !== undefined && message.id !== '') lastId = message.id;
        const part = partSchema.parse(JSON.parse(message.data));
        isOpen = part.type !== 'finish' && part.type !== 'abort';
        yield part;
      }
      // Closed between two turns: that was all. Closed inside one: the server went away.
      if (!isOpen) return;
    } catch (error) {
      const isRefusal = error instanceof CommandFailure && error.reason !== 'unreachable';
      if (signal.aborted || isRefusal || performance.now() - lastHeardAtMs > PATIENCE_MS) throw error;
      isOpen = true;
    }
    const waitMs = 50 + backoffMs({ attempt, firstMs: 100, longestMs: 2_000, random: Math.random });
    await delay(waitMs, undefined, { signal });
  }
}
