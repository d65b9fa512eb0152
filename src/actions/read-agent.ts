import { AGENT_NAME } from '../core/agent-definition.ts';
import { builtinAgent } from '../core/builtin-agents.ts';
import { KaziError } from '../core/errors.ts';
import type { Principal } from '../core/principal.ts';
import { getStoredAgent, listAgentVersions, type StoredAgent } from '../storage/agents.ts';
import type { ActionContext } from './context.ts';
import type { KnownAgent } from './list-agents.ts';

export interface AgentReference {
  readonly name: string;
  /** Null = the newest. */
  readonly version: number | null;
}

/**
 * An agent as the principal's tenant sees it: a built-in one, or a version of its own, retired or not. `isWhole` is false for
 * a session token: what an agent is told and where it connects is not for the browsers that hold such tokens. Throws
 * AGENT_NOT_FOUND.
 */
export const readAgent = async (
  context: ActionContext,
  principal: Principal,
  { name, version }: AgentReference,
): Promise<{ readonly known: KnownAgent; readonly isWhole: boolean }> => {
  const isWhole = principal.kind === 'api_key';
  const builtin = builtinAgent(name);
  if (builtin && version === null) return { known: { agent: builtin, createdAt: null, retiredAt: null }, isWhole };
  const isPossible = AGENT_NAME.test(name) && !builtin;
  const stored = isPossible && (await getStoredAgent(context.db, { tenantId: principal.tenantId, name, version }));
  if (!stored) throw agentNotFound({ name, version });
  return { known: stored, isWhole };
};

/** A page of the versions of an agent of the tenant, newest first; a built-in one has none. Throws AGENT_NOT_FOUND. */
export const readAgentVersions = async (
  context: ActionContext,
  principal: Principal,
  page: { readonly name: string; readonly before: number | null; readonly limit: number },
): Promise<readonly StoredAgent[]> => {
  const { name, before, limit } = page;
  if (builtinAgent(name)) return [];
  await readAgent(context, principal, { name, version: null });
  return await listAgentVersions(context.db, { tenantId: principal.tenantId, name, before, limit });
};

const SHOWN_CHARACTERS = 80;

/** The error for an agent, or a version of one, that the tenant does not have. */
export const agentNotFound = ({ name, version }: AgentReference): KaziError => {
  const shown = JSON.stringify(name.slice(0, SHOWN_CHARACTERS));
  return new KaziError('AGENT_NOT_FOUND', { what: version === null ? shown : `version ${version} of ${shown}` });
};
