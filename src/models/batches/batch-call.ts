import { generateText, type LanguageModel, wrapLanguageModel } from 'ai';
import type { PreparedCall, ProviderAnswer } from '../../core/model-batch.ts';
import type { ModelSettings } from '../../core/model-choice.ts';
import { callFault, type FaultContext } from '../call-fault.ts';
import type { ModelResponse, PromptRequest } from '../model.ts';
import { makePrompt } from '../prompt.ts';
import { makeProviderClients } from '../provider-clients.ts';
import { readContent, readFinish, readUsage } from '../response.ts';
import { accountOf, type BatchProvider } from './batch-account.ts';

/** A model as calls in batches see it. */
export interface BatchCall {
  readonly provider: BatchProvider;
  readonly name: string;
  readonly settings: ModelSettings;
  readonly context: FaultContext;
}

/** What a provider's client was about to send. */
interface Captured {
  readonly body: string;
  readonly headers: Headers;
}

/** Stands for the provider's own words where a connection should be, and there is none. */
const UNSENT = new Error('this request goes into a batch');

/**
 * The request as the provider's client would send it, not streamed: the client is run against a connection that keeps what
 * comes and goes no further.
 */
export const prepareCall = async (call: BatchCall, request: PromptRequest): Promise<PreparedCall> => {
  let captured: Captured | null = null;
  const model = await modelOver(call, async (_url, init = {}) => {
    if (typeof init.body === 'string') captured = { body: init.body, headers: new Headers(init.headers) };
    throw await Promise.resolve(UNSENT);
  });
  try {
    const prompt = makePrompt(request, call.provider);
    await generateText({ ...prompt, model, maxOutputTokens: request.maxOutputTokens, maxRetries: 0 });
  } catch (error) {
    if (captured === null) throw callFault(error, call.context);
  }
  const { body, headers } = kept(captured);
  return { provider: call.provider, account: accountOf(call), variant: variantOf(call, headers), body };
};

/** The answer of a batch as the provider's client reads it when it comes over a connection. Throws ModelCallError. */
export const readAnswer = async (
  call: BatchCall,
  request: PromptRequest,
  answer: ProviderAnswer,
): Promise<Omit<ModelResponse, 'costMicros'>> => {
  const model = await modelOver(call, async () => {
    const headers = { 'content-type': 'application/json' };
    return await Promise.resolve(new Response(answer.body, { status: answer.status, headers }));
  });
  // Without the format of the answer: one that does not fit is for the caller to look at, not an error of the call.
  const { output: _, ...prompt } = makePrompt(request, call.provider);
  try {
    const result = await generateText({ ...prompt, model, maxOutputTokens: request.maxOutputTokens, maxRetries: 0 });
    const said = readContent(result.content);
    const finish = readFinish(result.finishReason, said.toolCalls.length > 0);
    return { ...said, finish, usage: readUsage(result.usage), durationMs: 0 };
  } catch (error) {
    throw callFault(error, call.context);
  }
};

/** OpenAI takes one model a batch; Anthropic any, but its headers hold for all. */
const variantOf = ({ provider, name }: BatchCall, headers: Headers): string =>
  provider === 'openai' ? name : (headers.get('anthropic-beta') ?? '');

/** The provider's model over a connection of ours. Its warnings, which generateText would print, go nowhere, as with calls of their own. */
const modelOver = async (call: BatchCall, fetch: typeof globalThis.fetch): Promise<LanguageModel> => {
  const model = await makeProviderClients({ settings: call.settings, fetch })[call.provider](call.name);
  if (typeof model === 'string' || model.specificationVersion !== 'v4') return model;
  return wrapLanguageModel({
    model,
    middleware: {
      specificationVersion: 'v4',
      wrapGenerate: async ({ doGenerate }) => ({ ...(await doGenerate()), warnings: [] }),
    },
  });
};

const kept = (captured: Captured | null): Captured => {
  if (captured === null) throw new Error('found no request of the provider client, expected one');
  return captured;
};
