import { z } from 'zod';

/** Dollars per million tokens. At most six decimals, so that a token's price is a whole number of picodollars. */
const amount = z
  .number()
  .min(0)
  .max(1_000_000)
  .refine((value) => Math.round(value * 1e6) / 1e6 === value, 'expected at most six decimals');

/** A tier's price counts for all tokens of a call whose whole input is more than `start` tokens. */
const price = z.union(
  [
    amount,
    z.strictObject({
      base: amount,
      tiers: z.array(z.strictObject({ start: z.int().min(0), price: amount })).min(1),
    }),
  ],
  { error: 'expected dollars per million tokens, or { base, tiers: [{ start, price }] }' },
);

const prices = {
  input_mtok: price,
  output_mtok: price,
  cache_read_mtok: price.optional(),
  cache_write_mtok: price.optional(),
};

const dated = z.strictObject({ start_date: z.iso.date().nullable(), ...prices });

const tokens = z.int().min(1);

/** The vendored table; scripts/refresh-prices.ts writes it. Prices of one model stand in the order of their start. */
export const priceSnapshot = z.strictObject({
  source: z.string(),
  version: z.string(),
  license: z.string(),
  date: z.iso.date(),
  models: z.record(
    z.string(),
    z.strictObject({ context_window: tokens.nullable(), prices: z.array(dated).min(1).readonly() }),
  ),
});

/** What an operator says of one model. Prices come together; a cache price that is left out equals that of input. */
export const modelOverride = z
  .strictObject({
    ...prices,
    input_mtok: price.optional(),
    output_mtok: price.optional(),
    context_window: tokens.optional(),
    max_output_tokens: tokens.optional(),
    accepts: z
      .array(z.string().regex(/^[\w.+-]+\/([\w.+-]+|\*)$/, 'expected media types such as image/png'))
      .optional(),
  })
  .refine(({ input_mtok: input, output_mtok: output }) => (input === undefined) === (output === undefined), {
    error: 'input_mtok and output_mtok have to be given together',
  })
  .refine(
    (given) => given.input_mtok !== undefined || (given.cache_read_mtok ?? given.cache_write_mtok) === undefined,
    {
      error: 'a cache price needs input_mtok and output_mtok beside it',
    },
  );

export type PriceSnapshot = z.infer<typeof priceSnapshot>;
export type Price = z.infer<typeof price>;
/** What one model costs from `start_date` on; null = from ever. */
export type DatedPrices = z.infer<typeof dated>;
export type ModelOverride = z.infer<typeof modelOverride>;
