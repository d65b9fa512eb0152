import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { TokenUsage } from '../core/model-call.ts';
import { costOf, pricesAt } from './cost.ts';
import type { DatedPrices } from './model-facts.ts';

const flat: DatedPrices = {
  start_date: null,
  input_mtok: 3,
  output_mtok: 15,
  cache_read_mtok: 0.3,
  cache_write_mtok: 3.75,
};
const tiered: DatedPrices = {
  start_date: null,
  input_mtok: { base: 3, tiers: [{ start: 200_000, price: 6 }] },
  output_mtok: { base: 15, tiers: [{ start: 200_000, price: 22.5 }] },
  cache_read_mtok: { base: 0.3, tiers: [{ start: 200_000, price: 0.6 }] },
  cache_write_mtok: { base: 3.75, tiers: [{ start: 200_000, price: 7.5 }] },
};

const used = (parts: Partial<TokenUsage>): TokenUsage => ({
  inputTokens: 0,
  cacheReadTokens: 0,
  cacheWriteTokens: 0,
  outputTokens: 0,
  reasoningTokens: 0,
  ...parts,
});

test('each kind of token has its own price, and cached input is not paid twice', () => {
  // 100 × 3 + 2000 × 0.3 + 400 × 3.75 + 50 × 15 = 300 + 600 + 1500 + 750
  const usage = used({ inputTokens: 2500, cacheReadTokens: 2000, cacheWriteTokens: 400, outputTokens: 50 });
  assert.equal(costOf(flat, usage), 3150);
});

test('reasoning is paid as the output that it is part of', () => {
  assert.equal(costOf(flat, used({ outputTokens: 100, reasoningTokens: 90 })), 1500);
});

test('a sum is rounded up once, not each part of it', () => {
  // 0.3 for each: 0.3 + 0.3 is one micro-dollar, not two.
  const cheap = { ...flat, input_mtok: 0.3, output_mtok: 0.3 };
  assert.equal(costOf(cheap, used({ inputTokens: 1, outputTokens: 1 })), 1);
  assert.equal(costOf(cheap, used({ inputTokens: 2, outputTokens: 2 })), 2);
});

test('a part of the price is taken of the sum, before it is rounded up', () => {
  const usage = used({ inputTokens: 1, outputTokens: 1 });
  assert.deepEqual([costOf(flat, usage), costOf(flat, usage, [1n, 2n])], [18, 9]);
  assert.deepEqual([costOf(flat, used({ inputTokens: 1 })), costOf(flat, used({ inputTokens: 1 }), [1n, 2n])], [3, 2]);
});

test('no tokens cost nothing, and one token of the cheapest model costs a micro-dollar', () => {
  assert.equal(costOf(flat, used({})), 0);
  assert.equal(costOf({ ...flat, input_mtok: 0.000001 }, used({ inputTokens: 1 })), 1);
});

test('fractions that binary numbers cannot hold do not drift', () => {
  // In floating point 0.1 × 3 is 0.30000000000000004, which rounds up to one micro-dollar too many.
  assert.equal(costOf({ ...flat, input_mtok: 0.1 }, used({ inputTokens: 30 })), 3);
  assert.equal(costOf({ ...flat, input_mtok: 0.01875 }, used({ inputTokens: 1_600_000 })), 30_000);
});

test('a tier begins above its start and then counts for all tokens of the call', () => {
  assert.equal(costOf(tiered, used({ inputTokens: 200_000, outputTokens: 100 })), 600_000 + 1500);
  assert.equal(costOf(tiered, used({ inputTokens: 200_001, outputTokens: 100 })), 1_200_006 + 2250);
});

test('cached tokens count towards the tier', () => {
  const usage = used({ inputTokens: 250_000, cacheReadTokens: 240_000 });
  assert.equal(costOf(tiered, usage), 10_000 * 6 + 240_000 * 0.6);
});

test('the highest tier that is reached counts, in whatever order they are listed', () => {
  const price = {
    base: 1,
    tiers: [
      { start: 20, price: 3 },
      { start: 10, price: 2 },
    ],
  };
  const prices = { ...flat, input_mtok: price };
  assert.deepEqual(
    [10, 11, 21].map((inputTokens) => costOf(prices, used({ inputTokens }))),
    [10, 22, 63],
  );
});

test('tokens without a price make the cost unknown, and only when they occur', () => {
  const { start_date, input_mtok, output_mtok } = flat;
  const uncached: DatedPrices = { start_date, input_mtok, output_mtok };
  assert.equal(costOf(uncached, used({ inputTokens: 10, cacheReadTokens: 1 })), null);
  assert.equal(costOf(uncached, used({ inputTokens: 10, cacheWriteTokens: 1 })), null);
  assert.equal(costOf(uncached, used({ inputTokens: 10 })), 30);
});

test('more cached tokens than input are paid as they are, without a refund', () => {
  assert.equal(costOf(flat, used({ inputTokens: 5, cacheReadTokens: 10 })), 3);
});

test('prices follow their dates, and a model that has none yet has no price', () => {
  const later = { ...flat, start_date: '2027-01-01', input_mtok: 6 };
  assert.equal(pricesAt([flat, later], new Date('2026-12-31T23:59:59Z')), flat);
  assert.equal(pricesAt([flat, later], new Date('2027-01-01T00:00:00Z')), later);
  assert.equal(pricesAt([later], new Date('2026-12-31T23:59:59Z')), null);
  assert.equal(pricesAt([], new Date()), null);
});

const tokens = fc.nat({ max: 2_000_000 });

test('more tokens of any kind never cost less', () => {
  fc.assert(
    fc.property(fc.tuple(tokens, tokens, tokens, tokens), fc.tuple(tokens, tokens, tokens, tokens), (one, more) => {
      const total = (kinds: readonly [number, number, number, number]): number => {
        const [plain, read, write, output] = kinds;
        const inputTokens = plain + read + write;
        const usage = used({ inputTokens, cacheReadTokens: read, cacheWriteTokens: write, outputTokens: output });
        return costOf(tiered, usage) ?? assert.fail('this model has all prices');
      };
      const [plain, read, write, output] = one;
      const sum = total([plain + more[0], read + more[1], write + more[2], output + more[3]]);
      assert.ok(sum >= total(one));
    }),
  );
});

test('two calls never cost less than one call of both, by more than the rounding, within a tier', () => {
  fc.assert(
    fc.property(tokens, tokens, (left, right) => {
      const apart =
        (costOf(flat, used({ outputTokens: left })) ?? 0) + (costOf(flat, used({ outputTokens: right })) ?? 0);
      const together = costOf(flat, used({ outputTokens: left + right })) ?? 0;
      assert.ok(apart >= together && apart - together <= 1);
    }),
  );
});
