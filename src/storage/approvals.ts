import type { Approval, ApprovalDecision, ApprovalState } from '../core/approval.ts';
import type { Queryable } from './database.ts';
import { toDatabaseText } from './json.ts';

/** What a job asked and what became of it. A request whose time is over counts as expired, whether it was marked yet or not. */
export const listJobApprovals = async (db: Queryable, jobId: string): Promise<ApprovalDecision[]> => {
  const rows = await db.query<{
    id: string;
    state: ApprovalState;
    on_expiry: 'allow' | 'deny';
    message: string | null;
    is_over: boolean;
  }>('approvals/list-job', [jobId]);
  return rows.map((row) => {
    const state = row.state === 'pending' && row.is_over ? 'expired' : row.state;
    return {
      id: row.id,
      state,
      isAllowed: state === 'allowed' || (state === 'expired' && row.on_expiry === 'allow'),
      message: row.message,
    };
  });
};

/** Marks a job's requests whose time is over: nobody can decide them any more. */
export const expireJobApprovals = async (db: Queryable, jobId: string): Promise<void> => {
  await db.query('approvals/expire-job', [jobId]);
};

interface ApprovalRow {
  id: string;
  tenant_id: string;
  session_id: string;
  user_id: string | null;
  job_id: string;
  agent: string;
  kind: Approval['kind'];
  tool: string;
  input: unknown;
  state: ApprovalState;
  on_expiry: Approval['onExpiry'];
  message: string | null;
  decided_by: string | null;
  created_at: Date;
  created_micros: number;
  expires_at: Date;
  decided_at: Date | null;
}

const toApproval = (row: ApprovalRow): Approval => ({
  id: row.id,
  tenantId: row.tenant_id,
  sessionId: row.session_id,
  userId: row.user_id,
  jobId: row.job_id,
  agent: row.agent,
  kind: row.kind,
  tool: row.tool,
  input: row.input,
  state: row.state,
  onExpiry: row.on_expiry,
  message: row.message,
  decidedBy: row.decided_by,
  createdAt: row.created_at,
  createdMicros: row.created_micros,
  expiresAt: row.expires_at,
  decidedAt: row.decided_at,
});

/** The request with that id, of any tenant: the caller checks who may read it. */
export const getApproval = async (db: Queryable, id: string): Promise<Approval | undefined> => {
  const [row] = await db.query<ApprovalRow>('approvals/get', [id]);
  return row && toApproval(row);
};

export interface ApprovalFilter {
  readonly tenantId: string;
  /** undefined = of any user; null = only requests of jobs without a user. */
  readonly userId: string | null | undefined;
  readonly sessionIds: readonly string[] | null;
  /** Null = any. */
  readonly states: readonly ApprovalState[] | null;
  /** Only older ones than this: the sort key of the last one that was seen. */
  readonly before: { readonly createdMicros: number; readonly id: string } | null;
  readonly limit: number;
}

/** Requests of a tenant, newest first. */
export const listApprovals = async (db: Queryable, filter: ApprovalFilter): Promise<Approval[]> => {
  const { states } = filter;
  const parameters = [
    filter.tenantId,
    filter.userId ?? null,
    filter.userId === null,
    filter.sessionIds,
    filter.before?.createdMicros ?? null,
    filter.before?.id ?? null,
    filter.limit,
  ];
  // What waits has an index of its own: it is rare among all that was ever asked.
  const isPendingOnly = states?.length === 1 && states[0] === 'pending';
  const rows = isPendingOnly
    ? await db.query<ApprovalRow>('approvals/list-pending', parameters)
    : await db.query<ApprovalRow>('approvals/list', [...parameters, states]);
  return rows.map(toApproval);
};

/** The same for one session, or one job of it, which has an index of its own. */
export const listSessionApprovals = async (
  db: Queryable,
  scope: { readonly sessionId: string; readonly jobId: string | null },
  filter: Omit<ApprovalFilter, 'sessionIds'>,
): Promise<Approval[]> => {
  const rows = await db.query<ApprovalRow>('approvals/list-session', [
    filter.tenantId,
    filter.userId ?? null,
    filter.userId === null,
    scope.sessionId,
    filter.before?.createdMicros ?? null,
    filter.before?.id ?? null,
    filter.limit,
    filter.states,
    scope.jobId,
  ]);
  return rows.map(toApproval);
};

export interface DecideResult {
  /** False when the request was not open any more; nothing was changed then. */
  readonly hasChanged: boolean;
  readonly sessionNum: number;
  readonly lanes: readonly number[];
}

/** Decides an open request and wakes its job in the same transaction; undefined when there is none with that id. */
export const decideApproval = async (
  db: Queryable,
  decision: {
    readonly id: string;
    readonly state: 'allowed' | 'denied';
    readonly message: string | null;
    readonly decidedBy: string;
  },
): Promise<DecideResult | undefined> => {
  const { id, state, message, decidedBy } = decision;
  const [row] = await db.query<{ changed: boolean; session_num: number; lanes: number[] }>('approvals/decide', [
    id,
    state,
    message === null ? null : toDatabaseText(message),
    toDatabaseText(decidedBy),
  ]);
  return row && { hasChanged: row.changed, sessionNum: row.session_num, lanes: row.lanes };
};
