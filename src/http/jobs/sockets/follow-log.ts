import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { isKaziError } from '../../../core/errors.ts';
import type { SessionEvent } from '../../../core/event.ts';
import { isReadableBy } from '../../../core/ownership.ts';
import type { Principal } from '../../../core/principal.ts';
import { followSession, type SessionStand } from '../../../realtime/follow-session.ts';
import type { Realtime } from '../../../realtime/realtime.ts';
import { CLOSE, type ClientSocket } from './client-socket.ts';
import type { LogFrame, LogTranslator } from './log-translator.ts';

/** What every follower of this server works with. */
export interface FollowParts {
  readonly realtime: Realtime;
  readonly translator: LogTranslator;
  readonly log: Logger;
}

/** One socket that follows one session. */
export interface LogFollow {
  readonly socket: ClientSocket;
  readonly sessionId: string;
  readonly stand: SessionStand;
  /** Frames of the first event that the client has already. */
  readonly skipParts: number;
  /** True when its frames carry their cursor. */
  readonly isResumable: boolean;
  /** False = without what only the event bus carries. */
  readonly takesJobs: boolean;
  /** Told of each frame, right before it is handed over. */
  readonly onSending: (frame: LogFrame) => void;
  readonly signal: AbortSignal;
}

const RETRY_MS = 500;

/** Sends a socket what its session does, until the abort of the signal. Never rejects: a defect closes the socket. */
export const followLog = async (parts: FollowParts, follow: LogFollow): Promise<void> => {
  const { socket, sessionId, stand, signal } = follow;
  announceFault(follow);
  try {
    const { principal } = socket;
    for await (const { events } of followSession(parts.realtime, { principal, sessionId, stand, signal })) {
      for (const event of events) {
        for (const frame of await framesOf(parts, event, follow)) {
          if (signal.aborted || !socket.isOpen) return;
          follow.onSending(frame);
          await socket.sendLog(frame.bytes(follow.isResumable));
        }
      }
    }
  } catch (error) {
    if (signal.aborted) return;
    parts.log.error({ err: error, session: sessionId }, 'following a session broke');
    socket.close(CLOSE.broken, 'Internal error');
  }
};

/** Tells a client whose cursor does not hold where it begins instead. */
const announceFault = ({ socket, sessionId, stand: { fault } }: LogFollow): void => {
  if (!fault) return;
  const data =
    fault.code === 'CURSOR_EXPIRED'
      ? { event: 'cursor_expired', error: fault.message, first_seq: fault.details['first'] }
      : { event: 'invalid_cursor', error: fault.message };
  socket.send({ type: 'execution_state', data }, sessionId);
};

/** The frames of an event for this follower; waits for a database that is away. */
const framesOf = async (parts: FollowParts, event: SessionEvent, follow: LogFollow): Promise<readonly LogFrame[]> => {
  const { socket, sessionId, stand, skipParts, takesJobs, signal } = follow;
  const skip = event.seq === stand.afterSeq + 1 ? skipParts : 0;
  while (!signal.aborted) {
    try {
      const frames = await parts.translator.translate(sessionId, event);
      if (frames.length === 0) return frames;
      return frames.filter(
        ({ place, job }) => place.part > skip && (job === null || (takesJobs && mayReadJob(socket.principal, job))),
      );
    } catch (error) {
      if (!isKaziError(error, 'DATABASE_UNAVAILABLE')) throw error;
      await delay(RETRY_MS, undefined, { signal }).catch(() => undefined /* the loop ends */);
    }
  }
  return [];
};

const mayReadJob = (principal: Principal, record: NonNullable<LogFrame['job']>): boolean =>
  isReadableBy({ principal, kind: 'Job', record, namedSessionId: null });
