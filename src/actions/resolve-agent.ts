import type { Agent } from '../core/agent.ts';
import { BUILTIN_AGENTS, builtinAgent } from '../core/builtin-agents.ts';
import { KaziError } from '../core/errors.ts';
import { findAgent, getAgentVersion, listAgentNames } from '../storage/agents.ts';
import type { Queryable } from '../storage/database.ts';

/** The agent of that name as a tenant sees it: its own, else the built-in one. Throws UNKNOWN_AGENT with the names there are. */
export const resolveAgent = async (db: Queryable, tenantId: string, name: string): Promise<Agent> => {
  const builtin = builtinAgent(name);
  if (builtin) return builtin;
  const agent = await findAgent(db, tenantId, name);
  if (agent) return agent;
  const names = [...BUILTIN_AGENTS.map((known) => known.name), ...(await listAgentNames(db, tenantId))];
  throw new KaziError('UNKNOWN_AGENT', { agent: name, available: names.toSorted().join(', ') });
};

/** The agent that a job was accepted with. Throws UNKNOWN_AGENT when its version is gone. */
export const agentOfJob = async (
  db: Queryable,
  job: { readonly tenantId: string; readonly agent: string; readonly agentVersion: number | null },
): Promise<Agent> => {
  if (job.agentVersion === null) return await resolveAgent(db, job.tenantId, job.agent);
  const version = { tenantId: job.tenantId, name: job.agent, version: job.agentVersion };
  return (await getAgentVersion(db, version)) ?? (await resolveAgent(db, job.tenantId, job.agent));
};
