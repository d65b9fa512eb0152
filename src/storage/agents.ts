import type { Agent, RuntimeName } from '../core/agent.ts';
import type { Queryable } from './database.ts';
import { toDatabaseJson } from './json.ts';

interface AgentRow {
  name: string;
  version: number;
  runtime: RuntimeName;
  settings: { max_running?: number; description?: string };
}

const toAgent = (row: AgentRow): Agent => ({
  name: row.name,
  runtime: row.runtime,
  version: row.version,
  maxRunning: row.settings.max_running ?? null,
  description: row.settings.description ?? '',
});

/** The newest version of an agent of a tenant, unless it is retired. */
export const findAgent = async (db: Queryable, tenantId: string, name: string): Promise<Agent | undefined> => {
  const [row] = await db.query<AgentRow>('agents/find', [tenantId, name]);
  return row && toAgent(row);
};

/** The version that a job was accepted with, also when the agent has changed or retired since. */
export const getAgentVersion = async (
  db: Queryable,
  agent: { readonly tenantId: string; readonly name: string; readonly version: number },
): Promise<Agent | undefined> => {
  const [row] = await db.query<AgentRow>('agents/get-version', [agent.tenantId, agent.name, agent.version]);
  return row && toAgent(row);
};

/** Names of the agents that a tenant has in the database, sorted. */
export const listAgentNames = async (db: Queryable, tenantId: string): Promise<string[]> =>
  (await db.query<{ name: string }>('agents/list-names', [tenantId])).map((row) => row.name);

/** Stores a new version of an agent, which jobs use from now on; gives its number. The tenant must be known. */
export const addAgentVersion = async (
  db: Queryable,
  tenantId: string,
  agent: Pick<Agent, 'name' | 'runtime' | 'maxRunning' | 'description'>,
): Promise<number> => {
  const settings = { max_running: agent.maxRunning ?? undefined, description: agent.description };
  const [row] = await db.query<{ version: number }>('agents/add-version', [
    tenantId,
    agent.name,
    agent.runtime,
    toDatabaseJson(settings),
  ]);
  if (!row) throw new Error('adding an agent version returned no row');
  return row.version;
};
