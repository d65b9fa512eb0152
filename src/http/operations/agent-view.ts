import type { KnownAgent } from '../../actions/list-agents.ts';
import type { Agent, EgressPolicy, McpServer } from '../../core/agent.ts';
import { MASK } from '../../core/agent-definition.ts';
import { toDollars } from '../dollars.ts';
import { toSeconds } from '../seconds.ts';

type View = Readonly<Record<string, unknown>>;

/** An agent without its long parts, as lists show it. */
export const toAgentSummary = ({ agent, createdAt, retiredAt }: KnownAgent): View => ({
  name: agent.name,
  version: agent.version,
  builtin: agent.version === null,
  runtime: agent.runtime,
  description: agent.description,
  model: agent.model,
  max_running: agent.maxRunning,
  created_at: toSeconds(createdAt),
  retired_at: toSeconds(retiredAt),
});

/** A whole agent in the form in which it is created, but for the values of headers, variables and query parameters. */
export const toAgentView = (known: KnownAgent): View => {
  const { agent } = known;
  return {
    ...toAgentSummary(known),
    model_calls: agent.modelCalls,
    instructions: agent.instructions,
    tools: agent.tools,
    mcp_servers: agent.mcpServers.map(toServerView),
    approvals: {
      default: agent.approvals.fallback,
      tools: agent.approvals.tools,
      expires_in_seconds: agent.approvals.expiresMs / 1_000,
      on_expiry: agent.approvals.onExpiry,
    },
    egress: toEgressView(agent.egress),
    limits: toLimitsView(agent.limits),
    output_schema: agent.outputSchema,
  };
};

const toServerView = (server: McpServer): View =>
  server.transport === 'http'
    ? { name: server.name, url: maskQuery(server.url), headers: maskValues(server.headers), tools: server.tools }
    : { name: server.name, command: server.command, env: maskValues(server.env), tools: server.tools };

const maskValues = (secrets: Readonly<Record<string, string>>): View =>
  Object.fromEntries(Object.keys(secrets).map((name) => [name, MASK]));

const maskQuery = (url: string): string => url.replaceAll(/([?&][^=&#]*=)[^&#]*/g, `$1${MASK}`);

const toEgressView = (egress: EgressPolicy): unknown =>
  egress.kind === 'hosts' ? { hosts: egress.hosts } : egress.kind;

const toLimitsView = (limits: Agent['limits']): View => ({
  budget: limits.budget,
  max_model_calls: limits.maxModelCalls,
  max_cost_usd: toDollars(limits.maxCostMicros),
  max_run_seconds: limits.maxRunMs === null ? null : limits.maxRunMs / 1_000,
  max_output_tokens: limits.maxOutputTokens,
});
