import { AGENT_DEFAULTS, type Agent } from './agent.ts';

const builtin = (parts: Pick<Agent, 'name' | 'runtime' | 'description'> & Partial<Agent>): Agent => ({
  ...AGENT_DEFAULTS,
  version: null,
  ...parts,
});

/** Agents that every tenant has (jobs API, section 4). */
export const BUILTIN_AGENTS: readonly Agent[] = [
  builtin({ name: 'default', runtime: 'llm', description: 'A general assistant on the configured model' }),
  builtin({ name: 'echo', runtime: 'echo', description: 'Answers with its input; for probes and load tests' }),
  builtin({
    name: 'marketing',
    runtime: 'llm',
    description: 'A marketing assistant on the configured model',
    instructions:
      'You help with marketing: research the audience and the market, write copy in the voice that is asked for, and say which claims you could not verify. Deliver texts as files.',
  }),
  builtin({
    name: 'research',
    runtime: 'llm',
    description: 'A research assistant on the configured model',
    instructions:
      'You research questions. Fetch primary sources, compare them, quote what matters with its address, and keep what you know apart from what you infer. Deliver longer reports as a Markdown file.',
  }),
  builtin({
    name: 'shell',
    runtime: 'shell',
    description: 'Runs its input as a shell script in the sandbox, without a model',
  }),
];

/** The built-in agent of that name, if there is one. */
export const builtinAgent = (name: string): Agent | undefined => BUILTIN_AGENTS.find((agent) => agent.name === name);
