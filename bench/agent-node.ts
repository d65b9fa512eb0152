import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Node } from '../src/app/node.ts';
import { loadConfig } from '../src/config.ts';
import { AGENT_DEFAULTS } from '../src/core/agent.ts';
import type { Model, ModelTool } from '../src/models/model.ts';
import { createModels } from '../src/models/models.ts';
import { systemPrompt } from '../src/runtimes/llm/system-prompt.ts';
import { TOOLS } from '../src/runtimes/llm/tools.ts';
import { type BenchServer, startBenchNode } from './bench-node.ts';
import { readyUrl } from './served.ts';

/** A model that plays a script, in a process of its own, so that its memory and time are not counted as the node's. */
export interface BenchModel {
  /** Settings of a node whose default agent calls it, without limits that a benchmark would run into. */
  readonly flags: Readonly<Record<string, string>>;
  /** Answers that have begun and not ended. */
  countOpen(): Promise<number>;
  stop(): Promise<void>;
}

/** What the llm agent sends with every call, to call a model in the same way without the engine. */
export interface BareCall {
  readonly model: Model;
  readonly system: string;
  readonly tools: readonly ModelTool[];
}

const launcher = decodeURIComponent(new URL('../bin/kazi', import.meta.url).pathname);

/** Starts `bin/kazi fake-model` with one conversation of these turns. */
export const startBenchModel = async (server: BenchServer, turns: readonly unknown[]): Promise<BenchModel> => {
  const folder = await mkdtemp(join(server.folder, 'model-'));
  const script = join(folder, 'script.json');
  await writeFile(script, JSON.stringify({ conversations: [{ name: 'bench', turns, repeatLast: true }] }));
  const child: ChildProcess = spawn(launcher, ['fake-model', '--script', script, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = await readyUrl(child, 'fake model');
  return {
    flags: {
      model: 'openai/gpt-4.1-mini',
      openaiApiKey: 'bench',
      openaiBaseUrl: `${url}/v1`,
      sessionMaxRequests: '0',
      sessionMaxCostUsd: '0',
    },
    countOpen: async () => {
      const log = (await (await fetch(`${url}/_log`)).json()) as readonly { result: string; status: number | null }[];
      return log.filter(({ result, status }) => result === 'open' && status === 200).length;
    },
    stop: async () => {
      child.kill('SIGTERM');
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
};

/** A node of the real engine in this process whose default agent calls the model. */
export const startAgentNode = async (
  server: BenchServer,
  model: BenchModel,
  options: { readonly databaseUrl?: string; readonly flags?: Readonly<Record<string, string>> } = {},
): Promise<Node> =>
  await startBenchNode({
    server,
    databaseUrl: options.databaseUrl ?? (await server.createDatabase()),
    flags: { ...model.flags, ...options.flags },
  });

/** The same provider, instructions and tools as the default agent's. */
export const bareCallOf = ({ flags }: BenchModel): BareCall => {
  const settings = loadConfig({ env: {}, flags, file: null, workingFolder: '/' });
  const agent = { ...AGENT_DEFAULTS, name: 'default', runtime: 'llm', version: null } as const;
  return {
    model: createModels({ settings }).resolve(null),
    system: systemPrompt(agent, { toolNames: TOOLS.map(({ name }) => name), startedAt: new Date() }),
    tools: TOOLS.map(({ name, description, inputSchema }) => ({ name, description, inputSchema })),
  };
};
