import type { Queryable } from './database.ts';

/** Who a session belongs to; none of it ever changes. */
export interface SessionIdentity {
  readonly num: number;
  readonly tenantId: string;
  readonly id: string;
  readonly userId: string | null;
  readonly createdAt: Date;
}

/** The session with that id in that tenant. */
export const getSession = async (db: Queryable, tenantId: string, id: string): Promise<SessionIdentity | undefined> => {
  const [row] = await db.query<{
    num: number;
    tenant_id: string;
    id: string;
    user_id: string | null;
    created_at: Date;
  }>('sessions/get', [tenantId, id]);
  return row && { num: row.num, tenantId: row.tenant_id, id: row.id, userId: row.user_id, createdAt: row.created_at };
};

/** What a session is doing now. */
export interface SessionActivity {
  readonly lastActiveAt: Date;
  /** Input of the job that a node holds; null while none does. */
  readonly currentPrompt: string | null;
  /** The key of the given user that names it and was renewed last. */
  readonly sessionKey: string | null;
  /** True while a job of it asks somebody something. */
  readonly isWaiting: boolean;
  /** True when the newest of its jobs that ran has failed. */
  readonly hasFailed: boolean;
}

/** What the session with that number is doing; undefined when there is none. */
export const getSessionActivity = async (
  db: Queryable,
  sessionNum: number,
  keyUserId: string | null,
): Promise<SessionActivity | undefined> => {
  const [row] = await db.query<{
    last_active_at: Date;
    current_prompt: string | null;
    session_key: string | null;
    is_waiting: boolean;
    has_failed: boolean;
  }>('sessions/get-state', [sessionNum, keyUserId ?? '']);
  return (
    row && {
      lastActiveAt: row.last_active_at,
      currentPrompt: row.current_prompt,
      sessionKey: row.session_key,
      isWaiting: row.is_waiting,
      hasFailed: row.has_failed,
    }
  );
};

export interface SessionFilter {
  readonly tenantId: string;
  /** undefined = of any user; null = only sessions without a user. */
  readonly userId: string | null | undefined;
  readonly sessionIds: readonly string[] | null;
  /** Only sessions with a smaller num. */
  readonly beforeNum: number | null;
  readonly limit: number;
}

/** A session of a list: its key is left out. */
export interface ListedSession {
  readonly session: SessionIdentity;
  readonly activity: SessionActivity;
  readonly queuedJobs: number;
}

/** Sessions of a tenant, newest first. */
export const listSessions = async (db: Queryable, filter: SessionFilter): Promise<ListedSession[]> => {
  const rows = await db.query<{
    num: number;
    tenant_id: string;
    id: string;
    user_id: string | null;
    created_at: Date;
    queued_jobs: number;
    last_active_at: Date;
    current_prompt: string | null;
    is_waiting: boolean;
    has_failed: boolean;
  }>('sessions/list', [
    filter.tenantId,
    filter.userId ?? null,
    filter.sessionIds,
    filter.beforeNum,
    filter.limit,
    filter.userId === null,
  ]);
  return rows.map((row) => ({
    session: {
      num: row.num,
      tenantId: row.tenant_id,
      id: row.id,
      userId: row.user_id,
      createdAt: row.created_at,
    },
    activity: {
      lastActiveAt: row.last_active_at,
      currentPrompt: row.current_prompt,
      sessionKey: null,
      isWaiting: row.is_waiting,
      hasFailed: row.has_failed,
    },
    queuedJobs: row.queued_jobs,
  }));
};

/** True when the session has work that runs, waits for a person or is due. */
export const isSessionBusy = async (db: Queryable, sessionNum: number): Promise<boolean> => {
  const [row] = await db.query<{ busy: boolean | null }>('sessions/is-busy', [sessionNum]);
  return row?.busy ?? false;
};

/** The job of a session that a node holds; undefined while none does. */
export const getRunningJob = async (
  db: Queryable,
  sessionNum: number,
): Promise<{ readonly jobId: string; readonly agent: string; readonly agentVersion: number | null } | undefined> => {
  const [row] = await db.query<{ id: string; agent: string; agent_version: number | null }>('sessions/get-running', [
    sessionNum,
  ]);
  return row && { jobId: row.id, agent: row.agent, agentVersion: row.agent_version };
};

/** Owner of a key for a session: keys are kept per tenant and user. */
export interface SessionKeyOwner {
  readonly tenantId: string;
  readonly userId: string | null;
}

/** The session that a key names, if it has not expired. */
export const findSessionByKey = async (
  db: Queryable,
  owner: SessionKeyOwner,
  key: string,
): Promise<string | undefined> => {
  const [row] = await db.query<{ session_id: string }>('sessions/find-by-key', [
    owner.tenantId,
    owner.userId ?? '',
    key,
  ]);
  return row?.session_id;
};

/** Binds a key, or renews it: to `sessionId` when given, else to what it names already, else to `freshSessionId`. */
export const bindSessionKey = async (
  db: Queryable,
  owner: SessionKeyOwner,
  binding: {
    readonly key: string;
    readonly sessionId: string | null;
    readonly freshSessionId: string;
    readonly keepMs: number;
  },
): Promise<string> => {
  const [row] = await db.query<{ session_id: string }>('sessions/bind-key', [
    owner.tenantId,
    owner.userId ?? '',
    binding.key,
    binding.sessionId,
    binding.freshSessionId,
    binding.keepMs,
  ]);
  if (!row) throw new Error('binding a session key returned no row');
  return row.session_id;
};

/** Forgets expired keys. */
export const pruneSessionKeys = async (db: Queryable): Promise<void> => {
  await db.query('sessions/prune-keys');
};
