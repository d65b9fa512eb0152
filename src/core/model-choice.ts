import { parseModelId } from './model-id.ts';
import { nearestName } from './nearest-name.ts';
import { SETTINGS } from './settings.ts';

/** The settings that say which models can be called; the configuration has them under the same names. */
export interface ModelSettings {
  readonly model: string | null;
  readonly anthropicApiKey: string | null;
  readonly anthropicBaseUrl: string | null;
  readonly openaiApiKey: string | null;
  readonly openaiBaseUrl: string | null;
  readonly googleGenerativeAiApiKey: string | null;
  readonly openaiCompatibleUrl: string | null;
  readonly openaiCompatibleApiKey: string | null;
}

export type ModelProvider = 'anthropic' | 'openai' | 'google' | 'openai-compatible';

/**
 * Which model the default agent would use. `usable`: all that it needs is set, which says nothing about whether the
 * provider takes the key. In the other two, `remedy` is what to set.
 */
export type ModelChoice =
  | { readonly kind: 'usable'; readonly model: string; readonly reason: string }
  | { readonly kind: 'unusable'; readonly model: string; readonly reason: string; readonly remedy: string }
  | { readonly kind: 'none'; readonly reason: string; readonly remedy: string };

interface ProviderRule {
  /** The setting without which the provider cannot be called. */
  readonly needs: keyof ModelSettings & keyof typeof SETTINGS;
  /** A model to name in advice. */
  readonly example: string;
}

/** Every provider, in the order in which advice names them. */
export const MODEL_PROVIDERS: Readonly<Record<ModelProvider, ProviderRule>> = Object.freeze({
  anthropic: { needs: 'anthropicApiKey', example: 'anthropic/claude-sonnet-5' },
  openai: { needs: 'openaiApiKey', example: 'openai/gpt-6-sol' },
  google: { needs: 'googleGenerativeAiApiKey', example: 'google/gemini-3.5-flash' },
  'openai-compatible': { needs: 'openaiCompatibleUrl', example: 'openai-compatible/<name of a model there>' },
});

const NAMES = Object.keys(MODEL_PROVIDERS);
const CHOICE = SETTINGS.model.variable;

/** What stands in the way of calling a model, with what to set; null when nothing does. */
export const findModelObstacle = (
  id: string,
  settings: ModelSettings,
): { readonly reason: string; readonly remedy: string } | null => {
  const provider = parseModelId(id)?.provider;
  if (provider === undefined) {
    const remedy = `name it as provider/model, such as ${MODEL_PROVIDERS.anthropic.example}`;
    return { reason: `found "${id}", expected provider/model`, remedy };
  }
  if (!isModelProvider(provider)) {
    const nearest = nearestName(provider, NAMES);
    const hint = nearest === null ? '' : `; did you mean "${nearest}"?`;
    return {
      reason: `found the provider "${provider}", expected one of ${NAMES.join(', ')}${hint}`,
      remedy: `name one of these providers; any other server that speaks OpenAI's protocol is openai-compatible/…, with ${variableOf('openai-compatible')}`,
    };
  }
  if (settings[MODEL_PROVIDERS[provider].needs] !== null) return null;
  return { reason: `${variableOf(provider)} is not set`, remedy: `set ${variableOf(provider)}` };
};

/** What the settings choose for agents that name no model, or what they lack. Asks no provider. */
export const chooseModel = (settings: ModelSettings): ModelChoice => {
  const { model } = settings;
  if (model === null) return adviseChoice(settings);
  const obstacle = findModelObstacle(model, settings);
  if (obstacle !== null) return { kind: 'unusable', model, ...obstacle };
  const provider = parseModelId(model)?.provider ?? '';
  const source = isModelProvider(provider) ? ` and ${variableOf(provider)}` : '';
  return { kind: 'usable', model, reason: `from ${CHOICE}${source}` };
};

const adviseChoice = (settings: ModelSettings): ModelChoice => {
  const ready = NAMES.filter(isModelProvider).find((name) => settings[MODEL_PROVIDERS[name].needs] !== null);
  if (ready !== undefined) {
    return {
      kind: 'none',
      reason: `${variableOf(ready)} is set, but ${CHOICE} is not`,
      remedy: `add ${CHOICE}=${MODEL_PROVIDERS[ready].example}`,
    };
  }
  const { needs, example } = MODEL_PROVIDERS.anthropic;
  return {
    kind: 'none',
    reason: `neither ${CHOICE} nor the key of a provider is set`,
    remedy: `set ${CHOICE} to provider/model and the key of that provider, such as ${CHOICE}=${example} and ${SETTINGS[needs].variable}; or ${CHOICE}=openai-compatible/<model> and ${variableOf('openai-compatible')}`,
  };
};

const isModelProvider = (name: string): name is ModelProvider => Object.hasOwn(MODEL_PROVIDERS, name);

const variableOf = (provider: ModelProvider): string => SETTINGS[MODEL_PROVIDERS[provider].needs].variable;
