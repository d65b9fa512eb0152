import type { ProviderAnswer } from '../../core/model-batch.ts';
import type { ModelSettings } from '../../core/model-choice.ts';
import type { ModelBatches, Models, PromptRequest } from '../model.ts';
import { endpointOf } from '../provider-clients.ts';
import { makeProviderFetch } from '../provider-fetch.ts';
import { anthropicBatches } from './anthropic-batches.ts';
import { accountOf, type BatchProvider } from './batch-account.ts';
import { BatchHttpError } from './batch-http.ts';
import type { BatchProtocol } from './batch-protocol.ts';
import { openaiBatches } from './openai-batches.ts';

/** Whoever reads an answer for its tokens alone needs none of what was asked. */
const NO_PROMPT: PromptRequest = {
  system: '-',
  messages: [{ role: 'user', content: '-' }],
  tools: [],
  outputSchema: null,
  maxOutputTokens: 1,
};

const IDLE_TIMEOUT_MS = 300_000;
const ANTHROPIC_VERSION = '2023-06-01';

/** The batches of the providers whose keys are set. Calls nobody. */
export const createModelBatches = (options: {
  readonly settings: ModelSettings;
  readonly models: Models;
}): ModelBatches => {
  const { settings, models } = options;
  const protocols = makeProtocols(settings);
  const protocolOf = (provider: string): BatchProtocol => {
    const protocol = protocols.get(provider);
    if (protocol === undefined) throw new Error(`found the provider "${provider}", expected one whose key is set here`);
    return protocol;
  };
  return {
    accounts: [...protocols.keys()].map((provider) => ({
      provider,
      account: accountOf({ provider: provider as BatchProvider, settings }),
    })),
    submit: async (order, signal) => await protocolOf(order.provider).submit(order, signal),
    find: async (order, search) =>
      await protocolOf(order.provider)
        .find(order, search)
        // Who cannot be asked may have it.
        .catch(() => ({ kind: 'unsure' as const })),
    poll: async ({ provider, providerId }, signal) =>
      await protocolOf(provider)
        .poll(providerId, signal)
        .catch((error: unknown) => ({ kind: 'unreachable' as const, reason: describe(error) })),
    results: ({ provider, providerId }, signal) => protocolOf(provider).results(providerId, signal),
    priceOf: async (modelId, answer) => await priceOf(models, modelId, answer),
  };
};

const makeProtocols = (settings: ModelSettings): ReadonlyMap<string, BatchProtocol> => {
  const fetch = makeProviderFetch(IDLE_TIMEOUT_MS);
  const { openaiApiKey, anthropicApiKey } = settings;
  const protocols = new Map<string, BatchProtocol>();
  if (openaiApiKey !== null) {
    const headers = { authorization: `Bearer ${openaiApiKey}` };
    protocols.set('openai', openaiBatches({ url: endpointOf('openai', settings), headers, fetch }));
  }
  if (anthropicApiKey !== null) {
    const headers = { 'x-api-key': anthropicApiKey, 'anthropic-version': ANTHROPIC_VERSION };
    protocols.set('anthropic', anthropicBatches({ url: endpointOf('anthropic', settings), headers, fetch }));
  }
  return protocols;
};

const priceOf = async (
  models: Models,
  modelId: string,
  answer: ProviderAnswer,
): ReturnType<ModelBatches['priceOf']> => {
  if (answer.status >= 300) return null;
  try {
    const response = await models.resolve(modelId).batched?.read(NO_PROMPT, answer);
    return { usage: response?.usage ?? null, costMicros: response?.costMicros ?? null };
  } catch {
    // Paid all the same, however little can be read of it.
    return { usage: null, costMicros: null };
  }
};

const describe = (error: unknown): string => {
  if (error instanceof BatchHttpError) return error.message;
  return error instanceof Error ? `it cannot be read: ${error.message}` : 'it cannot be read';
};
