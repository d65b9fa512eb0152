import type { Queryable } from './database.ts';

export type StopMode = 'graceful' | 'immediate';

/** A request to end the run of a session. */
export interface SessionStop {
  readonly mode: StopMode;
  readonly reason: string | null;
  readonly requestedBy: string | null;
  readonly requestedAt: Date;
  readonly expiresAt: Date;
  /** True once its runner has seen it, or has let the run go. */
  readonly isAcknowledged: boolean;
}

export interface StopResult {
  /** idle: nothing ran and nothing is stored. escalated: a graceful one became immediate. pending: was asked before. */
  readonly outcome: 'idle' | 'requested' | 'escalated' | 'pending';
  /** The run; null when idle. */
  readonly jobId: string | null;
  /** True when the run has ended with this: it waited without a process. */
  readonly hasEnded: boolean;
  readonly lanes: readonly number[];
}

/** Asks the run of a session to stop; an immediate one is canceled with it. */
export const requestStop = async (
  db: Queryable,
  stop: {
    readonly sessionNum: number;
    readonly mode: StopMode;
    readonly reason: string | null;
    readonly requestedBy: string | null;
    readonly keepMs: number;
  },
): Promise<StopResult> => {
  const { sessionNum, mode, reason, requestedBy, keepMs } = stop;
  const [row] = await db.query<{
    outcome: StopResult['outcome'];
    job_id: string | null;
    has_ended: boolean;
    lanes: number[];
  }>('stops/request', [sessionNum, mode, reason, requestedBy, keepMs]);
  if (!row) throw new Error('asking for a stop returned no row');
  return { outcome: row.outcome, jobId: row.job_id, hasEnded: row.has_ended, lanes: row.lanes };
};

/** The stop of a session that is still shown: neither expired nor followed by another run. */
export const getStop = async (db: Queryable, sessionNum: number): Promise<SessionStop | undefined> => {
  const [row] = await db.query<{
    mode: StopMode;
    reason: string | null;
    requested_by: string | null;
    requested_at: Date;
    expires_at: Date;
    is_acknowledged: boolean;
  }>('stops/get', [sessionNum]);
  return (
    row && {
      mode: row.mode,
      reason: row.reason,
      requestedBy: row.requested_by,
      requestedAt: row.requested_at,
      expiresAt: row.expires_at,
      isAcknowledged: row.is_acknowledged,
    }
  );
};

/** What there is to tell a run between two steps. */
export interface RunNotice {
  readonly isStopping: boolean;
  readonly hasInput: boolean;
}

/** Reads what there is to tell a run; a stop counts as seen from then on. */
export const takeNotice = async (db: Queryable, sessionNum: number, jobId: string): Promise<RunNotice> => {
  const [row] = await db.query<{ is_stopping: boolean; has_input: boolean }>('stops/notice', [sessionNum, jobId]);
  return { isStopping: row?.is_stopping ?? false, hasInput: row?.has_input ?? false };
};
