import type { TestContext } from 'node:test';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import type { LanguageModel } from 'ai';
import { parseScript } from '../../src/models/scripted/parse-script.ts';
import {
  type ScriptedModel,
  type ScriptedModelOptions,
  startScriptedModel,
} from '../../src/models/scripted/scripted-model.ts';

export type ClientName = 'openai-responses' | 'openai-chat' | 'openai-compatible' | 'anthropic';

/** The real client of each protocol, as it is pointed at a server. */
export const CLIENTS: Readonly<Record<ClientName, (url: string, apiKey?: string) => LanguageModel>> = {
  'openai-responses': (url, apiKey = 'any') => createOpenAI({ baseURL: `${url}/v1`, apiKey }).responses('gpt-5'),
  'openai-chat': (url, apiKey = 'any') => createOpenAI({ baseURL: url, apiKey }).chat('gpt-5'),
  'openai-compatible': (url, apiKey = 'any') =>
    createOpenAICompatible({ name: 'local', baseURL: `${url}/v1`, apiKey, includeUsage: true })('gpt-5'),
  anthropic: (url, apiKey = 'any') => createAnthropic({ baseURL: `${url}/v1`, apiKey })('claude-sonnet-4-5'),
};

export const CLIENT_NAMES: readonly ClientName[] = [
  'openai-responses',
  'openai-chat',
  'openai-compatible',
  'anthropic',
];

/** A server of a script (or of one conversation's turns) for one test. */
export const serveScript = async (
  t: TestContext,
  script: object | readonly object[],
  options: Omit<ScriptedModelOptions, 'script'> = {},
): Promise<ScriptedModel> => {
  const json = Array.isArray(script) ? { conversations: [{ name: 'only', turns: script }] } : script;
  const model = await startScriptedModel({ script: parseScript(json), ...options });
  t.after(async () => await model.stop());
  return model;
};

/** One bare request of an endpoint, as curl would make it. */
export const post = async (
  url: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> =>
  await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'anthropic-version': '2023-06-01', ...headers },
    body: JSON.stringify(body),
  });

/** The events of a stream's text: names and data, `[DONE]` left as it is. */
export const eventsOf = (text: string): readonly { readonly event: string | null; readonly data: unknown }[] =>
  text
    .split('\n\n')
    .filter((block) => block !== '')
    .map((block) => {
      const data = /^data: (.*)$/m.exec(block)?.[1] ?? '';
      return {
        event: /^event: (.*)$/m.exec(block)?.[1] ?? null,
        data: data === '[DONE]' ? data : (JSON.parse(data) as unknown),
      };
    });
