import { ApiClient } from '../client.ts';
import { type ClientOptions, connect } from '../connection.ts';
import { describeTime } from '../describe.ts';
import { EXIT_CODES } from '../exit-code.ts';
import { writeJson, writeTable } from '../table.ts';
import { harmless, outputOf } from '../terminal.ts';

export interface AgentsOptions extends ClientOptions {
  readonly json?: boolean;
}

/** What new jobs may name, built-in agents included. */
export const listAgents = async (options: AgentsOptions): Promise<number> => {
  const answer = await new ApiClient(await connect(options)).listAgents();
  const output = outputOf(process.stdout);
  if (options.json === true) {
    writeJson(output, answer);
    return EXIT_CODES.ok;
  }
  const rows = answer.agents.map((agent) => [
    agent.name,
    agent.builtin ? 'built in' : String(agent.version),
    agent.runtime,
    agent.model ?? '-',
    agent.description,
  ]);
  writeTable(output, { titles: ['NAME', 'VERSION', 'RUNTIME', 'MODEL', 'DESCRIPTION'], rows });
  return EXIT_CODES.ok;
};

/** One agent, in the form in which `create --file` takes it again; with --json, as the server answers it. */
export const showAgent = async (
  name: string,
  options: AgentsOptions & { readonly agentVersion?: string },
): Promise<number> => {
  const answer = await new ApiClient(await connect(options)).getAgent(name, options.agentVersion);
  const output = outputOf(process.stdout);
  if (options.json === true) {
    writeJson(output, answer);
    return EXIT_CODES.ok;
  }
  const { version, builtin, created_at, retired_at, ...definition } = answer.agent;
  const state = typeof retired_at === 'number' ? `, retired ${describeTime(retired_at)}` : '';
  const made = builtin ? 'built in' : `version ${version} of ${describeTime(created_at)}`;
  outputOf(process.stderr).write(`${harmless(definition.name)}: ${made}${state}\n`);
  writeJson(output, definition);
  return EXIT_CODES.ok;
};

/** The newest hundred versions of an agent. */
export const listVersions = async (name: string, options: AgentsOptions): Promise<number> => {
  const answer = await new ApiClient(await connect(options)).listAgentVersions(name);
  const output = outputOf(process.stdout);
  if (options.json === true) {
    writeJson(output, answer);
    return EXIT_CODES.ok;
  }
  const rows = answer.versions.map((agent) => [
    String(agent.version),
    describeTime(agent.created_at),
    agent.runtime,
    agent.model ?? '-',
    agent.description,
  ]);
  writeTable(output, { titles: ['VERSION', 'CREATED', 'RUNTIME', 'MODEL', 'DESCRIPTION'], rows });
  return EXIT_CODES.ok;
};
