import { type AgentOptions, readAgentDefinition } from '../agent-definition.ts';
import { ApiClient } from '../client.ts';
import { connect } from '../connection.ts';
import { EXIT_CODES } from '../exit-code.ts';
import { writeJson } from '../table.ts';
import { outputOf } from '../terminal.ts';
import type { AgentsOptions } from './agents.ts';

/** Makes an agent, or a new version of the one of that name. */
export const createAgent = async (options: AgentsOptions & AgentOptions): Promise<number> => {
  const definition = await readAgentDefinition(options);
  const answer = await new ApiClient(await connect(options)).createAgent(definition);
  const output = outputOf(process.stdout);
  if (options.json === true) writeJson(output, answer);
  else output.write(`${answer.agent.name} version ${answer.agent.version}\n`);
  return EXIT_CODES.ok;
};

/** Keeps new jobs from an agent. */
export const retireAgent = async (name: string, options: AgentsOptions): Promise<number> => {
  const answer = await new ApiClient(await connect(options)).retireAgent(name);
  const output = outputOf(process.stdout);
  if (options.json === true) writeJson(output, answer);
  else output.write(`${answer.agent.name} retired\n`);
  return EXIT_CODES.ok;
};
