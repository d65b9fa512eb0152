import type { MemoryBlock, Profile, ProfileFields, ProfileSettings } from '../core/profile.ts';
import type { Queryable } from './database.ts';
import { toDatabaseJson } from './json.ts';

interface ProfileRow {
  session_num: number;
  tenant_id: string;
  session_id: string;
  user_id: string | null;
  name: string;
  model: string;
  instructions: string | null;
  description: string | null;
  tags: string[];
  metadata: Record<string, unknown> | null;
  timezone: string;
  blocks: MemoryBlock[];
  created_at: Date;
  updated_at: Date;
  updated_by: string | null;
}

const toProfile = (row: ProfileRow): Profile => ({
  sessionNum: row.session_num,
  tenantId: row.tenant_id,
  sessionId: row.session_id,
  userId: row.user_id,
  name: row.name,
  model: row.model,
  instructions: row.instructions,
  description: row.description,
  tags: row.tags,
  metadata: row.metadata,
  timezone: row.timezone,
  blocks: row.blocks,
  createdAt: row.created_at,
  updatedAt: row.updated_at,
  updatedBy: row.updated_by,
});

/** Makes a session with a profile; tenant and user are known. */
export const createProfile = async (
  db: Queryable,
  owner: { readonly tenantId: string; readonly userId: string | null; readonly sessionId: string },
  fields: ProfileFields,
): Promise<void> => {
  const row = { tenant_id: owner.tenantId, user_id: owner.userId, session_id: owner.sessionId, ...fields };
  await db.query('profiles/create', [toDatabaseJson(row)]);
};

/** Sets the fields that are given; false when the profile is gone. */
export const changeProfile = async (
  db: Queryable,
  change: { readonly sessionNum: number; readonly userId: string | null; readonly fields: Partial<ProfileFields> },
): Promise<boolean> => {
  const [row] = await db.query<{ changed: boolean }>('profiles/change', [
    change.sessionNum,
    toDatabaseJson(change.fields),
    change.userId,
  ]);
  return row?.changed ?? false;
};

/** Hides a profile; false when it was already. */
export const deleteProfile = async (db: Queryable, sessionNum: number): Promise<boolean> =>
  (await db.query('profiles/delete', [sessionNum])).length > 0;

/** Jobs of batches that wait or run in a session. */
export const listOpenItems = async (db: Queryable, sessionNum: number): Promise<string[]> =>
  (await db.query<{ id: string }>('profiles/open-jobs', [sessionNum])).map(({ id }) => id);

/** The profile of that session in that tenant, of any user: the caller checks who may read it. */
export const findProfile = async (db: Queryable, tenantId: string, sessionId: string): Promise<Profile | undefined> => {
  const [row] = await db.query<ProfileRow>('profiles/find', [tenantId, [sessionId]]);
  return row && toProfile(row);
};

/** What a batch has to know of a session that it hands work to. */
export interface ProfileMatch {
  readonly sessionNum: number;
  readonly sessionId: string;
  readonly tenantId: string;
  readonly userId: string | null;
  readonly model: string;
}

/** Those of the sessions that have a profile, of any user. */
export const matchProfiles = async (
  db: Queryable,
  tenantId: string,
  sessionIds: readonly string[],
): Promise<ProfileMatch[]> => {
  const rows = await db.query<{
    session_num: number;
    session_id: string;
    tenant_id: string;
    user_id: string | null;
    model: string;
  }>('profiles/match', [tenantId, sessionIds]);
  return rows.map((row) => ({
    sessionNum: row.session_num,
    sessionId: row.session_id,
    tenantId: row.tenant_id,
    userId: row.user_id,
    model: row.model,
  }));
};

/** What a job of a session works with; undefined for a session without a profile. */
export const getJobProfile = async (
  db: Queryable,
  job: { readonly id: string; readonly sessionNum: number },
): Promise<ProfileSettings | undefined> => {
  const [row] = await db.query<ProfileSettings>('profiles/of-job', [job.sessionNum, job.id]);
  return row;
};

/** A stretch of a list that is ordered by a number. */
export interface Stretch {
  /** Only above, and only below. */
  readonly above: number;
  readonly below: number;
  readonly isNewestFirst: boolean;
  readonly limit: number;
}

export interface ProfileFilter {
  readonly tenantId: string;
  /** undefined = of any user; null = only of nobody. */
  readonly userId: string | null | undefined;
  readonly sessionIds: readonly string[] | null;
  readonly name: string | null;
  readonly tags: readonly string[] | null;
}

/** Profiles of a tenant in the order in which they were made. */
export const listProfiles = async (db: Queryable, filter: ProfileFilter, stretch: Stretch): Promise<Profile[]> => {
  const rows = await db.query<ProfileRow>('profiles/list', [
    filter.tenantId,
    filter.userId ?? null,
    filter.userId === null,
    filter.sessionIds,
    filter.name,
    filter.tags,
    stretch.above,
    stretch.below,
    stretch.isNewestFirst,
    stretch.limit,
  ]);
  return rows.map(toProfile);
};
