import { once } from 'node:events';
import type { Writable } from 'node:stream';

export interface FrameStream {
  /** Text to be written; what belongs together comes in one piece. */
  readonly frames: AsyncIterable<string>;
  /** The response; its head has been sent. Ended with the stream. */
  readonly target: Writable;
  /** Aborted when the client has gone or the server stops. */
  readonly signal: AbortSignal;
  /** Written between frames after so long a silence, and at once when there is nothing else to begin with. */
  readonly heartbeat: { readonly text: string; readonly afterMs: number };
}

/** What is ready within this time needs no sign of life before it. */
const READY_MS = 20;

/**
 * Writes the frames as fast as the client reads them: the next one is asked for when it has taken the one before, so nothing
 * is ever kept for a slow one.
 */
export const writeFrameStream = async ({ frames, target, signal, heartbeat }: FrameStream): Promise<void> => {
  let timer: NodeJS.Timeout | undefined;
  const beatAfter = (ms: number): void => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (!target.writableNeedDrain) target.write(heartbeat.text);
      beatAfter(heartbeat.afterMs);
    }, ms);
  };
  beatAfter(READY_MS);
  try {
    for await (const frame of frames) {
      if (!target.write(frame) && !signal.aborted) {
        await once(target, 'drain', { signal }).catch(() => undefined /* aborted: the frames end by themselves */);
      }
      beatAfter(heartbeat.afterMs);
      if (signal.aborted) break;
    }
  } finally {
    clearTimeout(timer);
    target.end();
  }
};
