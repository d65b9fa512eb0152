import { AGENT_DEFAULTS, type Agent, type EgressPolicy, type McpServer, type RuntimeName } from '../core/agent.ts';
import type { AgentDefinition } from '../core/agent-definition.ts';
import type { ApprovalRule } from '../core/approval.ts';
import type { BudgetLevel } from '../core/budget.ts';
import type { JsonSchema } from '../core/json-schema.ts';
import type { ModelCalls } from '../core/model-batch.ts';
import type { Queryable } from './database.ts';
import { toDatabaseJson } from './json.ts';

/** A version of an agent with its times. */
export interface StoredAgent {
  readonly agent: Agent;
  /** When this version was made. */
  readonly createdAt: Date;
  /** Of the agent as a whole; null while new jobs may use it. */
  readonly retiredAt: Date | null;
}

interface AgentRow {
  name: string;
  version: number;
  runtime: RuntimeName;
  settings: AgentSettings;
}

interface StoredAgentRow extends AgentRow {
  created_at: Date;
  retired_at: Date | null;
}

/** The column as toSettings writes it; a key that is absent has its default, as in versions that knew fewer of them. */
interface AgentSettings {
  description?: string;
  max_running?: number | null;
  model?: string | null;
  model_calls?: ModelCalls;
  instructions?: string | null;
  tools?: readonly string[] | null;
  mcp_servers?: readonly McpServer[];
  approvals?: {
    fallback: ApprovalRule;
    tools: Readonly<Record<string, ApprovalRule>>;
    expires_ms: number;
    on_expiry: 'allow' | 'deny';
  };
  egress?: EgressPolicy;
  limits?: {
    budget: BudgetLevel;
    max_model_calls: number | null;
    max_cost_micros: number | null;
    max_run_ms: number | null;
    max_output_tokens: number | null;
  };
  output_schema?: JsonSchema | null;
}

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

/** A version of an agent with its times, also of a retired one; the newest where `version` is null. */
export const getStoredAgent = async (
  db: Queryable,
  agent: { readonly tenantId: string; readonly name: string; readonly version: number | null },
): Promise<StoredAgent | undefined> => {
  const [row] = await db.query<StoredAgentRow>('agents/get', [agent.tenantId, agent.name, agent.version]);
  return row && toStoredAgent(row);
};

/** Names of the agents that a tenant has in the database, sorted; without the retired ones. */
export const listAgentNames = async (db: Queryable, tenantId: string): Promise<string[]> =>
  (await db.query<{ name: string }>('agents/list-names', [tenantId])).map((row) => row.name);

/** The agents of a tenant that are not retired, by name. Instructions, MCP servers and output schema are not read: they have their defaults. */
export const listStoredAgents = async (db: Queryable, tenantId: string): Promise<StoredAgent[]> =>
  (await db.query<StoredAgentRow>('agents/list', [tenantId])).map(toStoredAgent);

/** Versions of an agent, newest first, as listStoredAgents reads them; below a version where `before` names one. */
export const listAgentVersions = async (
  db: Queryable,
  page: { readonly tenantId: string; readonly name: string; readonly before: number | null; readonly limit: number },
): Promise<StoredAgent[]> => {
  const parameters = [page.tenantId, page.name, page.before, page.limit];
  return (await db.query<StoredAgentRow>('agents/list-versions', parameters)).map(toStoredAgent);
};

/** Stores a new version of an agent, which jobs use from now on, and sets the limit of its lane. Ends a retirement. The tenant must be known. */
export const addAgentVersion = async (
  db: Queryable,
  tenantId: string,
  agent: AgentDefinition,
): Promise<StoredAgent & { readonly agent: { readonly version: number } }> => {
  const settings = toDatabaseJson(toSettings(agent));
  const parameters = [tenantId, agent.name, agent.runtime, settings, agent.maxRunning];
  const [row] = await db.query<StoredAgentRow>('agents/add-version', parameters);
  if (!row) throw new Error('adding an agent version returned no row');
  return { ...toStoredAgent(row), agent: { ...toAgent(row), version: row.version } };
};

/** Keeps new jobs from an agent; a second time changes nothing. False when the tenant has no such agent. */
export const retireAgentNamed = async (db: Queryable, tenantId: string, name: string): Promise<boolean> =>
  (await db.query('agents/retire', [tenantId, name])).length > 0;

const toStoredAgent = (row: StoredAgentRow): StoredAgent => ({
  agent: toAgent(row),
  createdAt: row.created_at,
  retiredAt: row.retired_at,
});

const toAgent = ({ name, version, runtime, settings }: AgentRow): Agent => ({
  ...AGENT_DEFAULTS,
  name,
  runtime,
  version,
  maxRunning: settings.max_running ?? AGENT_DEFAULTS.maxRunning,
  description: settings.description ?? AGENT_DEFAULTS.description,
  model: settings.model ?? AGENT_DEFAULTS.model,
  modelCalls: settings.model_calls ?? AGENT_DEFAULTS.modelCalls,
  instructions: settings.instructions ?? AGENT_DEFAULTS.instructions,
  tools: settings.tools ?? AGENT_DEFAULTS.tools,
  mcpServers: settings.mcp_servers ?? AGENT_DEFAULTS.mcpServers,
  approvals: settings.approvals
    ? {
        fallback: settings.approvals.fallback,
        tools: settings.approvals.tools,
        expiresMs: settings.approvals.expires_ms,
        onExpiry: settings.approvals.on_expiry,
      }
    : AGENT_DEFAULTS.approvals,
  egress: settings.egress ?? AGENT_DEFAULTS.egress,
  limits: settings.limits
    ? {
        budget: settings.limits.budget,
        maxModelCalls: settings.limits.max_model_calls,
        maxCostMicros: settings.limits.max_cost_micros,
        maxRunMs: settings.limits.max_run_ms,
        maxOutputTokens: settings.limits.max_output_tokens,
      }
    : AGENT_DEFAULTS.limits,
  outputSchema: settings.output_schema ?? AGENT_DEFAULTS.outputSchema,
});

const toSettings = (agent: AgentDefinition): AgentSettings => ({
  description: agent.description,
  max_running: agent.maxRunning,
  model: agent.model,
  model_calls: agent.modelCalls,
  instructions: agent.instructions,
  tools: agent.tools,
  mcp_servers: agent.mcpServers,
  approvals: {
    fallback: agent.approvals.fallback,
    tools: agent.approvals.tools,
    expires_ms: agent.approvals.expiresMs,
    on_expiry: agent.approvals.onExpiry,
  },
  egress: agent.egress,
  limits: {
    budget: agent.limits.budget,
    max_model_calls: agent.limits.maxModelCalls,
    max_cost_micros: agent.limits.maxCostMicros,
    max_run_ms: agent.limits.maxRunMs,
    max_output_tokens: agent.limits.maxOutputTokens,
  },
  output_schema: agent.outputSchema,
});
