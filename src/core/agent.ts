import { type ApprovalPolicy, NO_APPROVALS } from './approval.ts';
import type { BudgetLevel } from './budget.ts';
import type { JsonSchema } from './json-schema.ts';
import type { ModelCalls } from './model-batch.ts';

/** The agent loops that kazi has. */
export type RuntimeName = 'llm' | 'shell' | 'echo';

/** A named configuration that jobs run with. What only the runtime `llm` reads is null, empty or default for the others. */
export interface Agent {
  readonly name: string;
  readonly runtime: RuntimeName;
  /** Null for a built-in agent. */
  readonly version: number | null;
  /** Jobs of this agent that may run at once for one tenant; null = the tenant's limit alone. */
  readonly maxRunning: number | null;
  readonly description: string;
  /** `provider/model`; null = the server's KAZI_MODEL. */
  readonly model: string | null;
  /** How it calls its model. */
  readonly modelCalls: ModelCalls;
  /** What the model is told about its task, before kazi's own words about the workspace. */
  readonly instructions: string | null;
  /** Names of the built-in tools that it may use; null = all of them. */
  readonly tools: readonly string[] | null;
  readonly mcpServers: readonly McpServer[];
  readonly approvals: ApprovalPolicy;
  /** Where fetch_url and MCP servers over HTTP may go. */
  readonly egress: EgressPolicy;
  readonly limits: AgentLimits;
  /** JSON Schema (2020-12 or draft-07) of its answer; null = free text. */
  readonly outputSchema: JsonSchema | null;
}

/** Which hosts an agent may reach. Private addresses are refused under both kinds that allow something, unless a host names one. */
export type EgressPolicy =
  | { readonly kind: 'none' }
  | { readonly kind: 'public' }
  /** `example.org`, or `*.example.org` for all below it; with an optional `:port`. */
  | { readonly kind: 'hosts'; readonly hosts: readonly string[] };

/** A server of the Model Context Protocol whose tools the agent may use, named `<server>__<tool>` towards the model. */
export type McpServer = {
  /** `[a-z0-9-]{1,32}`, unique in the agent. */
  readonly name: string;
  /** The only tools taken from it; null = all. */
  readonly tools: readonly string[] | null;
} & (
  | { readonly transport: 'http'; readonly url: string; readonly headers: Readonly<Record<string, string>> }
  /** Runs inside the job's sandbox. */
  | {
      readonly transport: 'stdio';
      readonly command: readonly [string, ...string[]];
      readonly env: Readonly<Record<string, string>>;
    }
);

/** Limits of one job; null = what the budget level says. */
export interface AgentLimits {
  readonly budget: BudgetLevel;
  readonly maxModelCalls: number | null;
  readonly maxCostMicros: number | null;
  readonly maxRunMs: number | null;
  /** Longest answer of one model call, in tokens. */
  readonly maxOutputTokens: number | null;
}

/** What an agent has that does not say otherwise. */
export const AGENT_DEFAULTS = Object.freeze<Omit<Agent, 'name' | 'runtime' | 'version'>>({
  maxRunning: null,
  description: '',
  model: null,
  modelCalls: 'direct',
  instructions: null,
  tools: null,
  mcpServers: [],
  approvals: NO_APPROVALS,
  egress: { kind: 'public' },
  limits: { budget: 'standard', maxModelCalls: null, maxCostMicros: null, maxRunMs: null, maxOutputTokens: null },
  outputSchema: null,
});
