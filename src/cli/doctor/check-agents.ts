import { pino } from 'pino';
import type { Config } from '../../config.ts';
import { type Finding, fail, ok, warn } from './check.ts';

/** Where the tools of agents would run, really tried. */
export const checkSandbox = async (config: Config): Promise<Finding> => {
  const { chooseSandboxProvider } = await import('../../sandboxes/choose-provider.ts');
  try {
    const choice = await chooseSandboxProvider({ name: config.sandbox, logger: pino({ level: 'silent' }) });
    await choice.provider.stop();
    if (choice.isBest) return ok('sandbox', choice.reason);
    return warn('sandbox', choice.reason, 'jobs run in an emulated shell without the programs of the machine');
  } catch (error) {
    return fail(
      'sandbox',
      error instanceof Error ? error.message : String(error),
      'mend what is named, or set KAZI_SANDBOX to another one',
    );
  }
};

/** Which model the built-in agents use, and whether its key is there. */
export const checkModel = (config: Config): Finding => {
  const { model } = config;
  if (model === null) {
    return warn(
      'model',
      'none configured; agents "default", "marketing" and "research" cannot run',
      'set KAZI_MODEL to provider/model, and the key of that provider',
    );
  }
  const missing = missingSetting(config, model.slice(0, model.indexOf('/')));
  return missing === null ? ok('model', model) : warn('model', `${model}, without ${missing}`, `set ${missing}`);
};

export const checkDefaultAgent = (config: Config): Finding => {
  const reason = config.defaultAgent === 'shell' && config.model === null ? 'no model is configured' : 'as configured';
  return ok('default agent', `"${config.defaultAgent}" (${reason})`);
};

const missingSetting = (config: Config, provider: string): string | null => {
  const needed: Readonly<Record<string, readonly [string | null, string]>> = {
    anthropic: [config.anthropicApiKey, 'ANTHROPIC_API_KEY'],
    openai: [config.openaiApiKey, 'OPENAI_API_KEY'],
    google: [config.googleGenerativeAiApiKey, 'GOOGLE_GENERATIVE_AI_API_KEY'],
  };
  const [value, name] = needed[provider] ?? [config.openaiCompatibleUrl, 'KAZI_OPENAI_COMPATIBLE_URL'];
  return value === null ? name : null;
};
