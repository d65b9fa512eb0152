import type { PriceFactor } from '../cost.ts';

/**
 * The part of the price that a call in a batch costs, for tokens of every kind: half at both providers, by
 * https://platform.openai.com/docs/guides/batch and
 * https://platform.claude.com/docs/en/build-with-claude/batch-processing.
 */
export const BATCH_PRICE: Readonly<Record<'anthropic' | 'openai', PriceFactor>> = {
  anthropic: [1n, 2n],
  openai: [1n, 2n],
};
