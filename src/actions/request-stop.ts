import type { Principal } from '../core/principal.ts';
import { getStop, type SessionStop, type StopMode, requestStop as storeStop } from '../storage/stops.ts';
import { followCancel } from './cancel-run.ts';
import type { ActionContext } from './context.ts';
import { findSession } from './find-session.ts';

/** How long a stop stays readable (jobs API, section 9.6). */
const KEEP_MS = 3_600_000;

export interface StopRequest {
  readonly sessionId: string;
  /** graceful: after the step under way. immediate: now. */
  readonly mode: StopMode;
  readonly reason: string | null;
}

export interface StopAnswer {
  /** False only where the operator allows no stops. */
  readonly ok: boolean;
  /** idle: nothing ran. escalated: a graceful one became immediate. pending: was asked before. */
  readonly outcome: 'disabled' | 'idle' | 'requested' | 'escalated' | 'pending';
  /** Null where nothing is stored. */
  readonly stop: SessionStop | null;
  /** The run that is to end now, and has not yet let go; null when nobody has to wait for it. */
  readonly endingJobId: string | null;
}

/**
 * Asks the run of a session to stop; what waits in the session is not touched, and nothing happens where nothing runs.
 * Throws as findSession does.
 */
export const requestStop = async (
  context: ActionContext,
  principal: Principal,
  { sessionId, mode, reason }: StopRequest,
): Promise<StopAnswer> => {
  const session = await findSession(context, principal, sessionId);
  const nothing = { stop: null, endingJobId: null };
  if (!context.sessions.canStop) return { ok: false, outcome: 'disabled', ...nothing };
  if (!session) return { ok: true, outcome: 'idle', ...nothing };
  const requestedBy = principal.userId ?? principal.tenantId;
  const sessionNum = session.num;
  const result = await storeStop(context.db, { sessionNum, mode, reason, requestedBy, keepMs: KEEP_MS });
  const { outcome, jobId, hasEnded, lanes } = result;
  if (jobId === null) return { ok: true, outcome, ...nothing };
  const isImmediate = mode === 'immediate' && outcome !== 'pending';
  if (isImmediate || hasEnded) await followCancel(context, jobId, { sessionNum, lanes });
  else context.notifications.publish('news', jobId);
  const stop = (await getStop(context.db, sessionNum)) ?? null;
  return { ok: true, outcome, stop, endingJobId: isImmediate && !hasEnded ? jobId : null };
};
