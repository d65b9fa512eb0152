import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { AGENT_DEFAULTS } from '../../../src/core/agent.ts';
import type { AgentDefinition } from '../../../src/core/agent-definition.ts';
import type { SessionEvent } from '../../../src/core/event.ts';
import { DEFAULT_TENANT_ID } from '../../../src/core/principal.ts';
import { parseScript } from '../../../src/models/scripted/parse-script.ts';
import { type ScriptedModel, startScriptedModel } from '../../../src/models/scripted/scripted-model.ts';
import { addAgentVersion } from '../../../src/storage/agents.ts';
import { readJobEvents } from '../../../src/storage/events.ts';
import { ensureTenant } from '../../../src/storage/tenants.ts';
import { makeDataDir, startTestNode, type TestNode, type TestNodeOptions } from '../../support/node.ts';

/** The wire formats, each with a model whose prices are known. */
export const FORMATS = {
  responses: { model: 'openai/gpt-4.1-mini', microsPerCall: 360 },
  chat: { model: 'openai-compatible/local', microsPerCall: 420 },
  messages: { model: 'anthropic/claude-haiku-4-5', microsPerCall: 890 },
} as const;

export type FormatName = keyof typeof FORMATS;

/** A script of the one conversation that every job of the test has. */
export const script = (turns: readonly unknown[], more: Readonly<Record<string, unknown>> = {}): unknown => ({
  conversations: [{ name: 'the conversation', turns, ...more }],
});

/** Starts a model server that plays the script, until the test ends. */
export const startModel = async (t: TestContext, json: unknown): Promise<ScriptedModel> => {
  const model = await startScriptedModel({ script: parseScript(json), keepBodies: true });
  t.after(async () => await model.stop());
  return model;
};

/** Settings of a node whose models of all formats are played by the server. */
export const modelSettings = async (
  url: string,
  options: { readonly format: FormatName; readonly dataDir: string },
): Promise<Readonly<Record<string, string>>> => {
  const prices = join(options.dataDir, 'prices.json');
  const local = { input_mtok: 0.5, output_mtok: 2, cache_read_mtok: 0.05 };
  await writeFile(prices, JSON.stringify({ 'openai-compatible/local': local }));
  return {
    KAZI_MODEL: FORMATS[options.format].model,
    OPENAI_API_KEY: 'test-key-of-openai',
    OPENAI_BASE_URL: `${url}/v1`,
    ANTHROPIC_API_KEY: 'test-key-of-anthropic',
    ANTHROPIC_BASE_URL: `${url}/v1`,
    KAZI_OPENAI_COMPATIBLE_URL: `${url}/v1`,
    KAZI_PRICES_FILE: prices,
  };
};

/** A real node whose model is played by the server. */
export const startLlmNode = async (
  t: TestContext,
  model: ScriptedModel,
  options: TestNodeOptions & { readonly format?: FormatName },
): Promise<TestNode> => {
  const { format = 'responses', ...nodeOptions } = options;
  const dataDir = options.dataDir ?? (await makeDataDir(t));
  const settings = { ...(await modelSettings(model.url, { format, dataDir })), ...options.settings };
  return await startTestNode(t, { ...nodeOptions, dataDir, settings });
};

/** Stores an agent of the runtime llm that differs from the default one in these parts. */
export const addAgent = async (
  node: TestNode,
  parts: Partial<AgentDefinition> & { readonly name: string },
): Promise<string> => {
  await ensureTenant(node.context.db, DEFAULT_TENANT_ID, null);
  await addAgentVersion(node.context.db, DEFAULT_TENANT_ID, { ...AGENT_DEFAULTS, runtime: 'llm', ...parts });
  return parts.name;
};

/** All that the log says of a job. */
export const eventsOf = async (node: TestNode, jobId: string): Promise<SessionEvent[]> => {
  const { sessionNum } = await node.job(jobId);
  return await readJobEvents(node.context.db, { sessionNum, jobId, afterSeq: 0, limit: 1_000 });
};

/** What the model was sent with its n-th request, as JSON text. */
export const bodyOf = (model: ScriptedModel, index: number): string => JSON.stringify(model.requests[index]?.body);
