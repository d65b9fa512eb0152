import { KaziError } from '../../../core/errors.ts';

/** Where a client that comes back goes on in a session: after a whole event, or after some frames of one. */
export interface LogCursor {
  /** Null = from now on. */
  readonly afterSeq: number | null;
  /** Frames of the next event that the client has already. */
  readonly skipParts: number;
}

export const FROM_NOW: LogCursor = Object.freeze({ afterSeq: null, skipParts: 0 });

/**
 * `?after=`: cursors by session, `SEQ` for the only one that is followed, or `SESSION:SEQ` for each of several; empty = from
 * now on. Throws INVALID_REQUEST.
 */
export const parseAfter = (text: string, sessionIds: readonly string[]): ReadonlyMap<string, LogCursor> => {
  const cursors = new Map<string, LogCursor>();
  for (const item of text.split(',').filter((part) => part !== '')) {
    // A session id may hold colons, a cursor none.
    const colon = item.lastIndexOf(':');
    const sessionId = colon < 0 && sessionIds.length === 1 ? sessionIds[0] : item.slice(0, Math.max(0, colon));
    const cursor = parseCursor(item.slice(colon + 1));
    if (!cursor || sessionId === undefined || !sessionIds.includes(sessionId)) {
      const message = `Invalid value for after: found "${item.slice(0, 160)}", expected the cursor of a frame that was received, with its session and a colon before it where several are followed.`;
      throw new KaziError('INVALID_REQUEST', { message });
    }
    cursors.set(sessionId, cursor);
  }
  return cursors;
};

const parseCursor = (text: string): LogCursor | undefined => {
  const match = /^(\d{1,15})(?:\.(\d{1,6}))?$/.exec(text);
  if (!match) return undefined;
  const seq = Number(match[1]);
  if (match[2] === undefined) return { afterSeq: seq, skipParts: 0 };
  return seq === 0 ? undefined : { afterSeq: seq - 1, skipParts: Number(match[2]) };
};
