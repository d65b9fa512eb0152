import type { Agent } from '../../core/agent.ts';
import { approvalRule } from '../../core/approval.ts';
import { schemaCompiler } from '../../core/json-schema.ts';
import type { ModelCall } from '../../core/model-call.ts';
import type { Egress } from '../../egress/egress.ts';
import type { Models } from '../../models/model.ts';
import type { RunContext, RunPark, RunResult, Runtime } from '../runtime.ts';
import { LlmRun } from './llm-run.ts';
import { RunClock } from './run-clock.ts';
import { Tally } from './tally.ts';
import type { Tool } from './tool.ts';
import { TOOLS } from './tools.ts';

export interface LlmRuntimeOptions {
  readonly models: Models;
  readonly egress: Egress;
  /** First wait before a model call is repeated that failed for a reason which may pass; 1 s when absent. */
  readonly retryFirstMs?: number | undefined;
}

/**
 * The agent loop on a real model. A model call is journaled with its message, usage and cost before anything acts on it,
 * a tool call before and after it runs: an attempt after a crash goes on from there.
 */
export const createLlmRuntime = (options: LlmRuntimeOptions): Runtime => {
  const compileSchema = schemaCompiler();
  return {
    name: 'llm',
    run: async (context) => await runJob(context, { ...options, compileSchema }),
  };
};

const runJob = async (
  context: RunContext,
  options: LlmRuntimeOptions & { readonly compileSchema: ReturnType<typeof schemaCompiler> },
): Promise<RunResult | RunPark> => {
  const { agent, services } = context;
  const { egress, compileSchema, retryFirstMs = 1_000 } = options;
  const model = options.models.resolve(agent.model);
  const limits = await services.limits();
  const clock = new RunClock({ signal: context.signal, earlierMs: workedMs(context), maxMs: limits.maxRunMs });
  try {
    const mcp =
      agent.mcpServers.length === 0
        ? undefined
        : await (await import('./mcp/connect-mcp-servers.ts')).connectMcpServers({
            servers: agent.mcpServers,
            openSandbox: async () => await context.openSandbox(),
            egress,
            egressPolicy: agent.egress,
            signal: clock.signal,
          });
    try {
      const tools = [...ownTools(agent), ...(mcp?.tools ?? [])].filter(
        (tool) => approvalRule(agent.approvals, tool.name) !== 'deny',
      );
      const run = { context, agent, model, limits, tally: new Tally(), clock, retryFirstMs };
      return await new LlmRun({ run, tools, egress, compileSchema }).execute();
    } finally {
      await mcp?.close();
    }
  } finally {
    clock.stop();
  }
};

const ownTools = (agent: Agent): readonly Tool[] =>
  agent.tools === null ? TOOLS : TOOLS.filter((tool) => agent.tools?.includes(tool.name));

/** How long earlier attempts worked, by what they journaled. */
const workedMs = (context: RunContext): number => {
  let totalMs = 0;
  for (const { output } of context.journal.values()) {
    const stored = output as { readonly durationMs?: number; readonly call?: ModelCall } | null;
    totalMs += stored?.durationMs ?? stored?.call?.durationMs ?? 0;
  }
  return totalMs;
};
