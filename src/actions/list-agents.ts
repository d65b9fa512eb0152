import type { Agent } from '../core/agent.ts';
import { BUILTIN_AGENTS } from '../core/builtin-agents.ts';
import type { Principal } from '../core/principal.ts';
import { listStoredAgents } from '../storage/agents.ts';
import type { ActionContext } from './context.ts';

/** An agent of the database, or a built-in one, which has no times. */
export interface KnownAgent {
  readonly agent: Agent;
  readonly createdAt: Date | null;
  readonly retiredAt: Date | null;
}

/** What new jobs of the principal's tenant may name, by name. Long parts (instructions, servers, schema) are not read. */
export const listAgents = async (context: ActionContext, principal: Principal): Promise<readonly KnownAgent[]> => {
  const builtin = BUILTIN_AGENTS.map((agent): KnownAgent => ({ agent, createdAt: null, retiredAt: null }));
  const builtinNames = new Set(BUILTIN_AGENTS.map(({ name }) => name));
  // A later version of kazi may have taken a name that a tenant used: then the built-in agent serves it.
  const own = (await listStoredAgents(context.db, principal.tenantId)).filter(
    ({ agent }) => !builtinNames.has(agent.name),
  );
  return [...builtin, ...own].toSorted((left, right) => (left.agent.name < right.agent.name ? -1 : 1));
};
