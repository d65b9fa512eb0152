import type { Logger } from 'pino';
import { KaziError } from '../core/errors.ts';
import { BubblewrapProvider } from './bubblewrap/bubblewrap-provider.ts';
import { JustBashProvider } from './just-bash/just-bash-provider.ts';
import type { SandboxAvailability, SandboxProvider } from './sandbox.ts';

/** Values of KAZI_SANDBOX, best first. */
export const SANDBOX_PROVIDER_NAMES = ['bubblewrap', 'just-bash'] as const;
export type SandboxProviderName = (typeof SANDBOX_PROVIDER_NAMES)[number];

export interface ProviderChoice {
  readonly provider: SandboxProvider;
  /** One sentence for `kazi doctor` and the start of the log: what was chosen, and why nothing better. */
  readonly reason: string;
  /** False when it is the emulation that stands in for real isolation. */
  readonly isBest: boolean;
}

/**
 * Picks the named provider, or the best that works on this machine. A named one that does not work is an error
 * (SANDBOX_UNAVAILABLE) rather than a quiet step down. The caller stops the provider.
 */
export const chooseSandboxProvider = async (options: {
  readonly name: SandboxProviderName | null;
  readonly logger: Logger;
}): Promise<ProviderChoice> => {
  const refusals: string[] = [];
  for (const name of options.name === null ? SANDBOX_PROVIDER_NAMES : [options.name]) {
    const provider = constructProvider(name, options.logger);
    const availability = await provider.probe();
    if (availability.isAvailable) {
      return {
        provider,
        reason: [`${name}: ${availability.details}`, ...refusals].join('. '),
        isBest: provider.fidelity === 'isolated',
      };
    }
    await provider.stop();
    refusals.push(describeRefusal(name, availability));
  }
  throw new KaziError('SANDBOX_UNAVAILABLE', { reason: refusals.join('. ') });
};

const constructProvider = (name: SandboxProviderName, logger: Logger): SandboxProvider =>
  name === 'bubblewrap' ? new BubblewrapProvider({ logger }) : new JustBashProvider({ logger });

const describeRefusal = (
  name: SandboxProviderName,
  { reason, remedy }: Extract<SandboxAvailability, { isAvailable: false }>,
): string => `${name} is not available: ${reason}. ${remedy}`;
