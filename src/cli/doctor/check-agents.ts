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

export const checkDefaultAgent = (config: Config): Finding => {
  const reason = config.defaultAgent === 'shell' && config.model === null ? 'no model is configured' : 'as configured';
  return ok('default agent', `"${config.defaultAgent}" (${reason})`);
};
