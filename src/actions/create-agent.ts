import { type AgentDefinition, findAgentFaults } from '../core/agent-definition.ts';
import { builtinAgent } from '../core/builtin-agents.ts';
import { KaziError } from '../core/errors.ts';
import { findBatchFault } from '../core/model-batch.ts';
import type { Principal } from '../core/principal.ts';
import { requireScope } from '../core/scope.ts';
import { addAgentVersion, type StoredAgent } from '../storage/agents.ts';
import type { ActionContext } from './context.ts';

const SHOWN_FAULTS = 20;

/**
 * Makes an agent of the principal's tenant, or a new version of the one of that name, which also ends its retirement. Jobs
 * that are accepted from now on use it. Throws AGENT_BUILTIN, and INVALID_REQUEST with all faults. Needs scope admin.
 */
export const createAgent = async (
  context: ActionContext,
  principal: Principal,
  definition: AgentDefinition,
): Promise<StoredAgent> => {
  requireScope(principal, 'admin');
  if (builtinAgent(definition.name)) throw new KaziError('AGENT_BUILTIN', { agent: definition.name });
  const faults = [...findAgentFaults(definition), ...ownModelFaults(context, definition)];
  if (faults.length > 0) {
    const message = `Invalid agent: ${faults.slice(0, SHOWN_FAULTS).join('; ')}`;
    throw new KaziError('INVALID_REQUEST', { message });
  }
  await context.directory.ensureOwner(principal.tenantId, principal.userId);
  const stored = await addAgentVersion(context.db, principal.tenantId, definition);
  const { name, version } = stored.agent;
  context.log.info({ tenant: principal.tenantId, agent: name, version }, 'agent version created');
  return stored;
};

/** Of an agent that takes the server's own model: whether that one can be called as it wants. */
const ownModelFaults = ({ models }: ActionContext, { model, modelCalls }: AgentDefinition): string[] => {
  const fault =
    modelCalls === 'batch' && model === null && models.ownModel !== null ? findBatchFault(models.ownModel) : null;
  return fault === null ? [] : [fault];
};
