import { createHash } from 'node:crypto';
import type { ModelSettings } from '../../core/model-choice.ts';
import { endpointOf } from '../provider-clients.ts';

export type BatchProvider = 'anthropic' | 'openai';

/** Endpoint and credential as a digest: requests of one account may share a batch. */
export const accountOf = ({
  provider,
  settings,
}: {
  readonly provider: BatchProvider;
  readonly settings: ModelSettings;
}): string => {
  const key = provider === 'openai' ? settings.openaiApiKey : settings.anthropicApiKey;
  const text = JSON.stringify([endpointOf(provider, settings), key]);
  return createHash('sha256').update(text).digest('base64url').slice(0, 22);
};
