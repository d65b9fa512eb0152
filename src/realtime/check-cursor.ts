import { KaziError } from '../core/errors.ts';
import type { Queryable } from '../storage/database.ts';
import { eventBounds } from '../storage/events.ts';

/**
 * The newest seq of a session's log. Throws INVALID_REQUEST for a cursor that the log has not reached, and CURSOR_EXPIRED
 * for one whose successors are no longer kept.
 */
export const checkCursor = async (
  db: Queryable,
  { sessionNum, afterSeq }: { readonly sessionNum: number; readonly afterSeq: number | null },
): Promise<number> => {
  const { first, newest } = (await eventBounds(db, sessionNum)) ?? { first: null, newest: 0 };
  if (afterSeq === null) return newest;
  if (afterSeq > newest) {
    const message = `Invalid cursor: found "${afterSeq}", expected at most ${newest}, the newest event of the session. Send the id of an event that was received.`;
    throw new KaziError('INVALID_REQUEST', { message });
  }
  const firstKept = first ?? newest + 1;
  if (afterSeq > 0 && afterSeq + 1 < firstKept) {
    throw new KaziError('CURSOR_EXPIRED', { first: firstKept, found: afterSeq, resume: firstKept - 1 });
  }
  return newest;
};
