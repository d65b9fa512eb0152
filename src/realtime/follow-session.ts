import type { ActionContext } from '../actions/context.ts';
import { isKaziError, type KaziError } from '../core/errors.ts';
import type { SessionEvent } from '../core/event.ts';
import { isReadableBy } from '../core/ownership.ts';
import type { Principal } from '../core/principal.ts';
import type { SessionIdentity } from '../storage/sessions.ts';
import { checkCursor } from './check-cursor.ts';
import type { EventHub } from './event-hub.ts';
import type { SessionArrivals } from './session-arrivals.ts';

/** Where a follower begins in a session. */
export interface SessionStand {
  /** Undefined while the session does not exist. */
  readonly session: SessionIdentity | undefined;
  readonly afterSeq: number;
  /** Why it is not where the follower asked for. */
  readonly fault: KaziError | undefined;
}

/** True when the principal may read what happens in the session. Its scope was looked at when it named the session. */
export const mayReadSession = (principal: Principal, session: SessionIdentity): boolean =>
  isReadableBy({
    principal,
    kind: 'Session',
    record: { sessionId: session.id, userId: session.userId, tenantId: session.tenantId },
    namedSessionId: null,
  });

/**
 * Where somebody stands who follows the session after the cursor, or from now on (null); one that does not exist yet, from
 * its beginning. Never throws for a cursor.
 */
export const standInSession = async (
  context: Pick<ActionContext, 'db'>,
  { session, afterSeq }: { readonly session: SessionIdentity | undefined; readonly afterSeq: number | null },
): Promise<SessionStand> => {
  if (!session) return { session, afterSeq: 0, fault: undefined };
  try {
    const newest = await checkCursor(context.db, { sessionNum: session.num, afterSeq });
    return { session, afterSeq: afterSeq ?? newest, fault: undefined };
  } catch (error) {
    // What is no longer kept is passed over; a cursor from the future means that nothing was missed.
    if (isKaziError(error, 'CURSOR_EXPIRED'))
      return { session, afterSeq: Number(error.details['resume']), fault: error };
    if (!isKaziError(error, 'INVALID_REQUEST')) throw error;
    const newest = await checkCursor(context.db, { sessionNum: session.num, afterSeq: null });
    return { session, afterSeq: newest, fault: error };
  }
};

/** Events of one session, with the session. */
export interface SessionBatch {
  readonly session: SessionIdentity;
  readonly events: readonly SessionEvent[];
}

/**
 * A session's log from a stand on, without gap or duplicate, from its first event when it does not exist yet. Nothing at
 * all when it is, or turns out to be, one that the principal may not read. Ends at the abort of the signal.
 */
export async function* followSession(
  { hub, arrivals }: { readonly hub: EventHub; readonly arrivals: SessionArrivals },
  follow: {
    readonly principal: Principal;
    readonly sessionId: string;
    readonly stand: SessionStand;
    readonly signal: AbortSignal;
  },
): AsyncGenerator<SessionBatch, void, void> {
  const { principal, sessionId, stand, signal } = follow;
  const name = { tenantId: principal.tenantId, id: sessionId };
  const session = stand.session ?? (await arrivals.wait(name, signal));
  if (!session || !mayReadSession(principal, session)) return;
  const batches = hub.follow({ sessionNum: session.num, afterSeq: stand.afterSeq, signal });
  for await (const events of batches) yield { session, events };
}
