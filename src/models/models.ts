import { KaziError } from '../core/errors.ts';
import type { TokenUsage } from '../core/model-call.ts';
import { findModelObstacle, MODEL_PROVIDERS, type ModelProvider, type ModelSettings } from '../core/model-choice.ts';
import { parseModelId } from '../core/model-id.ts';
import { SETTINGS } from '../core/settings.ts';
import { acceptsMedia } from './accepted-media.ts';
import type { BatchCall } from './batches/batch-call.ts';
import { BATCH_PRICE } from './batches/batch-price.ts';
import { costOf, pricesAt } from './cost.ts';
import type { BatchedModel, Model, ModelRequest, ModelResponse, Models } from './model.ts';
import { loadPriceTable, type ModelFacts, type PriceOverrides } from './price-table.ts';
import { makeProviderClients, type ProviderClients } from './provider-clients.ts';
import { makeProviderFetch } from './provider-fetch.ts';

/** What models are made of; the configuration is its `settings`. */
export interface ModelsOptions {
  readonly settings: ModelSettings;
  /** Prices and facts of the operator, from parsePriceOverrides. */
  readonly priceOverrides?: PriceOverrides;
  /** A provider that sends no byte for this long has broken the call off. */
  readonly idleTimeoutMs?: number;
  /** Which prices are in force; a test sets it. */
  readonly now?: () => Date;
}

interface ModelParts {
  readonly id: string;
  readonly provider: ModelProvider;
  readonly name: string;
  readonly facts: ModelFacts;
  readonly clients: ProviderClients;
  readonly key: string | null;
  readonly idleTimeoutMs: number;
  readonly now: () => Date;
  readonly settings: ModelSettings;
}

const IDLE_TIMEOUT_MS = 300_000;
const NO_FACTS: ModelFacts = Object.freeze({ contextTokens: null, maxOutputTokens: null, prices: [], accepts: null });

/** The models of this server. Calls nobody, and loads a provider's package when it is first called. */
export const createModels = ({
  settings,
  priceOverrides = {},
  idleTimeoutMs = IDLE_TIMEOUT_MS,
  now = () => new Date(),
}: ModelsOptions): Models => {
  const table = loadPriceTable(priceOverrides);
  const clients = makeProviderClients({ settings, fetch: makeProviderFetch(idleTimeoutMs) });
  return {
    resolve: (wanted) => {
      const id = wanted ?? settings.model;
      if (id === null) throw new KaziError('NO_MODEL');
      const obstacle = findModelObstacle(id, settings);
      if (obstacle !== null) {
        throw new KaziError('MODEL_UNAVAILABLE', { model: id, reason: `${obstacle.reason}; ${obstacle.remedy}.` });
      }
      const { provider, name } = parseModelId(id) as { readonly provider: ModelProvider; readonly name: string };
      const facts = table.get(id) ?? NO_FACTS;
      const key = keyOf(provider, settings);
      return makeModel({ id, provider, name, facts, clients, key, idleTimeoutMs, now, settings });
    },
  };
};

const makeModel = (parts: ModelParts): Model => {
  const { id, provider, name, facts, clients, key, idleTimeoutMs, now } = parts;
  const cost = (usage: TokenUsage): number | null => {
    const prices = pricesAt(facts.prices, now());
    return prices === null ? null : costOf(prices, usage);
  };
  const call = async (request: ModelRequest): Promise<ModelResponse> => {
    request.signal.throwIfAborted();
    const [{ streamCall }, { makePrompt }, model] = await Promise.all([
      import('./stream-call.ts'),
      import('./prompt.ts'),
      clients[provider](name),
    ]);
    const context = { provider, model: name, key, keyVariable: keyVariableOf(provider), idleTimeoutMs };
    const answer = await streamCall({ model, prompt: makePrompt(request, provider), request, context });
    return { ...answer, costMicros: answer.usage === null ? null : cost(answer.usage) };
  };
  return {
    id,
    provider,
    name,
    contextTokens: facts.contextTokens,
    maxOutputTokens: facts.maxOutputTokens,
    accepts: (mediaType) => acceptsMedia({ provider, name, allowed: facts.accepts }, mediaType),
    cost,
    call,
    batched: makeBatched(parts),
  };
};

const makeBatched = (parts: ModelParts): BatchedModel | null => {
  const { provider, name, facts, key, idleTimeoutMs, now, settings } = parts;
  if (provider !== 'anthropic' && provider !== 'openai') return null;
  const context = { provider, model: name, key, keyVariable: keyVariableOf(provider), idleTimeoutMs };
  const batchCall: BatchCall = { provider, name, settings, context };
  const cost = (usage: TokenUsage): number | null => {
    const prices = pricesAt(facts.prices, now());
    return prices === null ? null : costOf(prices, usage, BATCH_PRICE[provider]);
  };
  return {
    cost,
    prepare: async (request) => await (await import('./batches/batch-call.ts')).prepareCall(batchCall, request),
    read: async (request, answer) => {
      const { readAnswer } = await import('./batches/batch-call.ts');
      const response = await readAnswer(batchCall, request, answer);
      return { ...response, costMicros: response.usage === null ? null : cost(response.usage) };
    },
  };
};

const keyOf = (provider: ModelProvider, settings: ModelSettings): string | null =>
  provider === 'openai-compatible' ? settings.openaiCompatibleApiKey : settings[MODEL_PROVIDERS[provider].needs];

const keyVariableOf = (provider: ModelProvider): string =>
  provider === 'openai-compatible'
    ? SETTINGS.openaiCompatibleApiKey.variable
    : SETTINGS[MODEL_PROVIDERS[provider].needs].variable;
