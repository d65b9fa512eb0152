import { AGENT_NAME } from '../core/agent-definition.ts';
import { builtinAgent } from '../core/builtin-agents.ts';
import { KaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import { requireScope } from '../core/scope.ts';
import { getStoredAgent, retireAgentNamed, type StoredAgent } from '../storage/agents.ts';
import type { ActionContext } from './context.ts';
import { agentNotFound } from './read-agent.ts';

/**
 * Keeps new jobs from an agent of the tenant; accepted ones still run with their version. A second time changes nothing.
 * Throws AGENT_BUILTIN and AGENT_NOT_FOUND. Needs scope admin.
 */
export const retireAgent = async (context: ActionContext, principal: Principal, name: string): Promise<StoredAgent> => {
  requireScope(principal, 'admin');
  const { tenantId } = principal;
  if (builtinAgent(name)) throw new KaziError('AGENT_BUILTIN', { agent: name });
  const isRetired = AGENT_NAME.test(name) && (await retireAgentNamed(context.db, tenantId, name));
  const stored = isRetired && (await getStoredAgent(context.db, { tenantId, name, version: null }));
  if (!stored) throw agentNotFound({ name, version: null });
  context.log.info({ tenant: tenantId, agent: name }, 'agent retired');
  return stored;
};
