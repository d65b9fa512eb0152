import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { Frame, Pieces } from './wire-format.ts';

/** Roughly what providers put into one event. */
const CHUNK_CHARACTERS = 24;

export interface Pace {
  readonly tokenDelayMs: number;
  readonly chunkCharacters: number | undefined;
  /** Characters of output after which the stream stops without an end; null to send all of it. */
  readonly stopAfter: number | null;
}

/**
 * Sends a streamed answer at the pace of its turn and of its reader. Resolves to whether all of it was sent; the
 * response is left open. Rejects when the signal is aborted.
 */
export const sendStream = async (
  response: ServerResponse,
  frames: (pieces: Pieces) => Iterable<Frame>,
  { pace, signal }: { readonly pace: Pace; readonly signal: AbortSignal },
): Promise<boolean> => {
  const { tokenDelayMs, stopAfter } = pace;
  let sent = 0;
  for (const frame of frames(cutter(pace))) {
    if (stopAfter !== null && (frame.isEnd || (sent >= stopAfter && sent + frame.characters > 0))) return false;
    if (frame.characters > 0 && tokenDelayMs > 0) await delay(tokenDelayMs, undefined, { signal });
    await write(response, encodeFrame(frame), signal);
    sent += frame.characters;
  }
  return true;
};

/** An event as it stands on the wire. */
export const encodeFrame = ({ event, data }: Frame): string =>
  `${event === null ? '' : `event: ${event}\n`}data: ${data}\n\n`;

const write = async (response: ServerResponse, text: string, signal: AbortSignal): Promise<void> => {
  signal.throwIfAborted();
  if (!response.write(text)) await once(response, 'drain', { signal });
};

/** Cuts where `stopAfter` falls, too, and never through a character of two units. */
const cutter = ({ chunkCharacters = CHUNK_CHARACTERS, stopAfter }: Pace): Pieces => {
  let cut = 0;
  return function* (text) {
    let from = 0;
    while (from < text.length) {
      const untilStop = stopAfter !== null && cut < stopAfter ? stopAfter - cut : Number.POSITIVE_INFINITY;
      let to = Math.min(text.length, from + Math.min(chunkCharacters, untilStop));
      if (to < text.length && isHighSurrogate(text.charCodeAt(to - 1))) to += 1;
      yield text.slice(from, to);
      cut += to - from;
      from = to;
    }
  };
};

const isHighSurrogate = (unit: number): boolean => unit >= 0xd800 && unit <= 0xdbff;
