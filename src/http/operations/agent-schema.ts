import { z } from 'zod';
import { AGENT_DEFAULTS } from '../../core/agent.ts';
import type { AgentDefinition } from '../../core/agent-definition.ts';
import { nearestName } from '../../core/nearest-name.ts';

/** An object of exactly these fields; one more is answered with the field that was likely meant. */
const strict = <Shape extends z.ZodRawShape>(shape: Shape): z.ZodObject<Shape, z.core.$strict> =>
  z.strictObject(shape, {
    error: (issue) => {
      if (issue.code !== 'unrecognized_keys') return undefined;
      const [key = ''] = issue.keys;
      const nearest = nearestName(key.slice(0, 80), Object.keys(shape));
      return `one of ${Object.keys(shape).join(', ')}${nearest === null ? '' : `; did you mean "${nearest}"?`}`;
    },
  });

const text = (most: number): z.ZodString => z.string().max(most);
const count = (least: number, most: number): z.ZodInt => z.int().min(least).max(most);
const texts = (most: number, longest: number): z.ZodRecord<z.ZodString, z.ZodString> =>
  z.record(z.string(), text(longest)).refine((record) => Object.keys(record).length <= most, `at most ${most} entries`);

const serverName = text(32).min(1);
const serverTools = z.array(text(128).min(1)).max(256).nullish();

const httpServerSchema = strict({
  name: serverName,
  url: text(2_048),
  headers: texts(32, 8_192).nullish(),
  tools: serverTools,
}).transform(({ name, url, headers, tools }) => ({
  name,
  tools: tools ?? null,
  transport: 'http' as const,
  url,
  headers: headers ?? {},
}));

const stdioServerSchema = strict({
  name: serverName,
  command: z.tuple([text(4_096).min(1)], text(4_096)).refine((words) => words.length <= 64, 'at most 64 words'),
  env: texts(64, 8_192).nullish(),
  tools: serverTools,
}).transform(({ name, command, env, tools }) => ({
  name,
  tools: tools ?? null,
  transport: 'stdio' as const,
  command,
  env: env ?? {},
}));

const ruleSchema = z.enum(['allow', 'ask', 'deny']);

const approvalsSchema = strict({
  default: ruleSchema.nullish(),
  tools: z.record(text(128), ruleSchema).nullish(),
  expires_in_seconds: count(1, 31_536_000).nullish(),
  on_expiry: z.enum(['allow', 'deny']).nullish(),
}).transform((approvals) => ({
  fallback: approvals.default ?? AGENT_DEFAULTS.approvals.fallback,
  tools: approvals.tools ?? {},
  expiresMs: approvals.expires_in_seconds ? approvals.expires_in_seconds * 1_000 : AGENT_DEFAULTS.approvals.expiresMs,
  onExpiry: approvals.on_expiry ?? AGENT_DEFAULTS.approvals.onExpiry,
}));

const egressSchema = z.union([
  z.enum(['none', 'public']).transform((kind): AgentDefinition['egress'] => ({ kind })),
  strict({ hosts: z.array(text(260)).min(1).max(256) }).transform(({ hosts }): AgentDefinition['egress'] => ({
    kind: 'hosts',
    hosts: hosts.map((host) => host.toLowerCase()),
  })),
]);

const limitsSchema = strict({
  budget: z.enum(['low', 'standard', 'high', 'unlimited']).nullish(),
  max_model_calls: count(1, 100_000).nullish(),
  max_cost_usd: z.number().min(0.000_001).max(1_000_000).nullish(),
  max_run_seconds: count(1, 2_592_000).nullish(),
  max_output_tokens: count(1, 10_000_000).nullish(),
}).transform((limits) => ({
  budget: limits.budget ?? AGENT_DEFAULTS.limits.budget,
  maxModelCalls: limits.max_model_calls ?? null,
  maxCostMicros: limits.max_cost_usd ? Math.round(limits.max_cost_usd * 1_000_000) : null,
  maxRunMs: limits.max_run_seconds ? limits.max_run_seconds * 1_000 : null,
  maxOutputTokens: limits.max_output_tokens ?? null,
}));

/** The body of POST /agents; null says the same as leaving a field out. What fields mean together is checked by the action. */
export const agentSchema: z.ZodType<AgentDefinition> = strict({
  name: text(64),
  description: text(2_000).nullish(),
  runtime: z.enum(['llm', 'shell', 'echo']).nullish(),
  model: text(256)
    .regex(/^[^\s/]+\/\S+$/, 'provider/model, such as "openai/gpt-5"')
    .nullish(),
  model_calls: z.enum(['direct', 'batch']).nullish(),
  instructions: text(200_000).nullish(),
  tools: z.array(text(64)).max(64).nullish(),
  mcp_servers: z
    .array(z.union([httpServerSchema, stdioServerSchema]))
    .max(32)
    .nullish(),
  approvals: approvalsSchema.nullish(),
  egress: egressSchema.nullish(),
  limits: limitsSchema.nullish(),
  output_schema: z.record(z.string(), z.unknown()).nullish(),
  max_running: count(0, 100_000).nullish(),
}).transform((body) => ({
  name: body.name,
  runtime: body.runtime ?? 'llm',
  description: body.description ?? AGENT_DEFAULTS.description,
  maxRunning: body.max_running ?? AGENT_DEFAULTS.maxRunning,
  model: body.model ?? AGENT_DEFAULTS.model,
  modelCalls: body.model_calls ?? AGENT_DEFAULTS.modelCalls,
  instructions: body.instructions ?? AGENT_DEFAULTS.instructions,
  tools: body.tools ?? AGENT_DEFAULTS.tools,
  mcpServers: body.mcp_servers ?? AGENT_DEFAULTS.mcpServers,
  approvals: body.approvals ?? AGENT_DEFAULTS.approvals,
  egress: body.egress ?? AGENT_DEFAULTS.egress,
  limits: body.limits ?? AGENT_DEFAULTS.limits,
  outputSchema: body.output_schema ?? AGENT_DEFAULTS.outputSchema,
}));
