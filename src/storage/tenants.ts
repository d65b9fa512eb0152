import type { Queryable } from './database.ts';

/** Makes a tenant, and a user of it when given, known. */
export const ensureTenant = async (db: Queryable, tenantId: string, userId: string | null): Promise<void> => {
  await db.query('tenants/ensure', [tenantId, userId]);
};

/** Sets how many jobs of a tenant may run at once over all nodes; null = the operator's default. */
export const setTenantLimit = async (db: Queryable, tenantId: string, maxRunning: number | null): Promise<void> => {
  await db.query('tenants/set-limit', [tenantId, maxRunning]);
};

/** The lane of an agent of a tenant, with that limit on its running jobs if it is new; makes the tenant and the user known too. */
export const ensureLane = async (
  db: Queryable,
  lane: {
    readonly tenantId: string;
    readonly userId?: string | null;
    readonly agent: string;
    readonly maxRunning: number | null;
  },
): Promise<number> => {
  const [row] = await db.query<{ id: number }>('lanes/ensure', [
    lane.tenantId,
    lane.agent,
    lane.maxRunning,
    lane.userId ?? null,
  ]);
  if (!row) throw new Error('ensuring a lane returned no row');
  return row.id;
};
