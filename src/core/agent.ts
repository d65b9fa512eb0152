/** The agent loops that kazi has. */
export type RuntimeName = 'llm' | 'shell' | 'echo';

/** A named configuration that jobs run with. */
export interface Agent {
  readonly name: string;
  readonly runtime: RuntimeName;
  /** Null for a built-in agent. */
  readonly version: number | null;
  /** Jobs of this agent that may run at once for one tenant; null = the tenant's limit alone. */
  readonly maxRunning: number | null;
  readonly description: string;
}

const builtin = (name: string, runtime: RuntimeName, description: string): Agent => ({
  name,
  runtime,
  version: null,
  maxRunning: null,
  description,
});

/** Agents that every tenant has (jobs API, section 4). */
export const BUILTIN_AGENTS: readonly Agent[] = [
  builtin('default', 'llm', 'A general assistant on the configured model'),
  builtin('echo', 'echo', 'Answers with its input; for probes and load tests'),
  builtin('marketing', 'llm', 'A marketing assistant on the configured model'),
  builtin('research', 'llm', 'A research assistant on the configured model'),
  builtin('shell', 'shell', 'Runs its input as a shell script in the sandbox, without a model'),
];

/** The built-in agent of that name, if there is one. */
export const builtinAgent = (name: string): Agent | undefined => BUILTIN_AGENTS.find((agent) => agent.name === name);
