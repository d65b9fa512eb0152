import type { LanguageModel } from 'ai';
import type { ModelProvider, ModelSettings } from '../core/model-choice.ts';

/** Makes a provider's model of a name; the provider's module is loaded and its client made at the first call. */
export type ProviderClients = Readonly<Record<ModelProvider, (name: string) => Promise<LanguageModel>>>;

interface ClientOptions {
  readonly settings: ModelSettings;
  readonly fetch: typeof globalThis.fetch;
}

type MakeModel = (name: string) => LanguageModel;

/**
 * The clients of all providers. Only for providers whose needed setting is there (findModelObstacle). Endpoints are
 * named even when they are the provider's own, because the packages would look into the environment otherwise.
 */
export const makeProviderClients = ({ settings, fetch }: ClientOptions): ProviderClients => ({
  anthropic: once(async () => {
    const { createAnthropic } = await import('@ai-sdk/anthropic');
    const baseURL = endpointOf('anthropic', settings);
    return createAnthropic({ baseURL, apiKey: settings.anthropicApiKey ?? '', fetch });
  }),
  openai: once(async () => {
    const { createOpenAI } = await import('@ai-sdk/openai');
    const baseURL = endpointOf('openai', settings);
    const openai = createOpenAI({ baseURL, apiKey: settings.openaiApiKey ?? '', fetch });
    return (name) => openai.responses(name);
  }),
  google: once(async () => {
    const { createGoogle } = await import('@ai-sdk/google');
    const baseURL = 'https://generativelanguage.googleapis.com/v1beta';
    return createGoogle({ baseURL, apiKey: settings.googleGenerativeAiApiKey ?? '', fetch });
  }),
  'openai-compatible': once(async () => {
    const { createOpenAICompatible } = await import('@ai-sdk/openai-compatible');
    const { openaiCompatibleUrl: baseURL, openaiCompatibleApiKey: apiKey } = settings;
    const compatible = createOpenAICompatible({
      name: 'openai-compatible',
      baseURL: baseURL ?? '',
      includeUsage: true,
      fetch,
      ...(apiKey === null ? {} : { apiKey }),
    });
    return (name) => compatible.chatModel(name);
  }),
});

/** Where a provider that has batches is reached, without a slash at its end. */
export const endpointOf = (provider: 'anthropic' | 'openai', settings: ModelSettings): string => {
  const url =
    provider === 'openai'
      ? (settings.openaiBaseUrl ?? 'https://api.openai.com/v1')
      : withVersion(settings.anthropicBaseUrl ?? 'https://api.anthropic.com');
  return url.replace(/\/+$/, '');
};

/** Anthropic's own clients take the bare host in ANTHROPIC_BASE_URL; this one wants the version behind it. */
const withVersion = (url: string): string => {
  const { pathname } = new URL(url);
  return pathname === '/' ? new URL('/v1', url).href : url;
};

const once = (make: () => Promise<MakeModel>): ((name: string) => Promise<LanguageModel>) => {
  let made: Promise<MakeModel> | null = null;
  return async (name) => {
    made ??= make();
    return (await made)(name);
  };
};
