import { readFileSync } from 'node:fs';
import type { Config } from '../config.ts';
import { KaziError } from '../core/errors.ts';
import { type PriceOverrides, parsePriceOverrides } from '../models/price-table.ts';

/** Prices from the operator's file. Throws INVALID_CONFIG for one that cannot be read or used. */
export const priceOverridesOf = ({ pricesFile }: Config): PriceOverrides =>
  pricesFile === null ? {} : parsePriceOverrides(readPrices(pricesFile), pricesFile);

const readPrices = (path: string): string => {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    const message = `KAZI_PRICES_FILE: found "${path}", which cannot be read; expected a JSON file of prices (docs/models.md).`;
    throw new KaziError('INVALID_CONFIG', { message }, { cause });
  }
};
