import type { PriceFactor } from '../cost.ts';

/**
 * The part of the price that a call in a batch costs, for tokens of every kind.
 * OpenAI: "50% cost discount" (https://platform.openai.com/docs/guides/batch).
 * Anthropic: "50% of the standard API prices" (https://platform.claude.com/docs/en/build-with-claude/batch-processing).
 */
export const BATCH_PRICE: Readonly<Record<'anthropic' | 'openai', PriceFactor>> = {
  anthropic: [1n, 2n],
  openai: [1n, 2n],
};
