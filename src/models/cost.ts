import type { TokenUsage } from '../core/model-call.ts';
import type { DatedPrices, Price } from './model-facts.ts';

const PICODOLLARS_PER_MICRO = 1_000_000n;

/** A part of the price, as a fraction: it is exact. */
export type PriceFactor = readonly [share: bigint, whole: bigint];

const FULL_PRICE: PriceFactor = [1n, 1n];

/**
 * Micro-dollars of one call, rounded up once; null when tokens occurred that have no price. Reasoning is priced as the
 * output that it is part of. Exact: dollars per million tokens are millionths of a dollar per token, and those are kept
 * as whole picodollars.
 */
export const costOf = (prices: DatedPrices, usage: TokenUsage, factor: PriceFactor = FULL_PRICE): number | null => {
  const { inputTokens, cacheReadTokens, cacheWriteTokens, outputTokens } = usage;
  const uncached = Math.max(0, inputTokens - cacheReadTokens - cacheWriteTokens);
  const parts: readonly (readonly [number, Price | undefined])[] = [
    [uncached, prices.input_mtok],
    [cacheReadTokens, prices.cache_read_mtok],
    [cacheWriteTokens, prices.cache_write_mtok],
    [outputTokens, prices.output_mtok],
  ];
  let picodollars = 0n;
  for (const [tokens, price] of parts) {
    if (tokens === 0) continue;
    if (price === undefined) return null;
    picodollars += BigInt(tokens) * picodollarsPerToken(price, inputTokens);
  }
  const [share, whole] = factor;
  const divisor = PICODOLLARS_PER_MICRO * whole;
  return Number((picodollars * share + divisor - 1n) / divisor);
};

/** The prices in force at a time; null when the first ones begin later. */
export const pricesAt = (prices: readonly DatedPrices[], time: Date): DatedPrices | null =>
  prices.findLast(({ start_date: start }) => start === null || time >= new Date(start)) ?? null;

const picodollarsPerToken = (price: Price, inputTokens: number): bigint => {
  if (typeof price === 'number') return BigInt(Math.round(price * 1e6));
  let reached = { start: -1, price: price.base };
  for (const tier of price.tiers) {
    if (inputTokens > tier.start && tier.start > reached.start) reached = tier;
  }
  return BigInt(Math.round(reached.price * 1e6));
};
