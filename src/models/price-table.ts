import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { KaziError } from '../core/errors.ts';
import { MODEL_PROVIDERS } from '../core/model-choice.ts';
import { parseModelId } from '../core/model-id.ts';
import { type DatedPrices, type ModelOverride, modelOverride, priceSnapshot } from './model-facts.ts';

/** What is known of one exact model id. */
export interface ModelFacts {
  readonly contextTokens: number | null;
  readonly maxOutputTokens: number | null;
  /** Empty when the price is unknown. */
  readonly prices: readonly DatedPrices[];
  /** Media types that the operator says it takes; null when nothing was said. */
  readonly accepts: readonly string[] | null;
}

export type PriceTable = ReadonlyMap<string, ModelFacts>;

/** What an operator says of models, by `provider/model`; stronger than the vendored table. */
export type PriceOverrides = Readonly<Record<string, ModelOverride>>;

const SNAPSHOT = new URL('./prices.json', import.meta.url);
const overridesSchema = z.record(z.string(), modelOverride);

/** The vendored table with the operator's overrides laid over it. */
export const loadPriceTable = (overrides: PriceOverrides): PriceTable => {
  const { models } = priceSnapshot.parse(JSON.parse(readFileSync(SNAPSHOT, 'utf8')));
  const table = new Map<string, ModelFacts>();
  for (const [id, { context_window: contextTokens, prices }] of Object.entries(models)) {
    table.set(id, { contextTokens, maxOutputTokens: null, prices, accepts: null });
  }
  for (const [id, override] of Object.entries(overrides)) table.set(id, applyOverride(table.get(id), override));
  return table;
};

/**
 * Reads the JSON of an operator's price file:
 * `{ "provider/model": { "input_mtok": 0.5, "output_mtok": 2, "context_window": 32768 } }`, dollars per million tokens.
 * Throws one INVALID_CONFIG with every fault in it; `source` names the file there.
 */
export const parsePriceOverrides = (text: string, source: string): PriceOverrides => {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw fault(source, [`not JSON: ${error instanceof Error ? error.message : String(error)}`]);
  }
  const parsed = overridesSchema.safeParse(json);
  if (!parsed.success) {
    throw fault(
      source,
      parsed.error.issues.map(
        ({ path, message }) => `${path.length === 0 ? '' : `"${path.join('" / "')}": `}${message}`,
      ),
    );
  }
  const unknown = Object.keys(parsed.data).filter((id) => !isKnownProvider(id));
  if (unknown.length > 0) {
    const expected = `expected provider/model with one of ${Object.keys(MODEL_PROVIDERS).join(', ')}`;
    throw fault(
      source,
      unknown.map((id) => `found "${id}", ${expected}`),
    );
  }
  return parsed.data;
};

const applyOverride = (known: ModelFacts | undefined, override: ModelOverride): ModelFacts => ({
  contextTokens: override.context_window ?? known?.contextTokens ?? null,
  maxOutputTokens: override.max_output_tokens ?? known?.maxOutputTokens ?? null,
  prices: overriddenPrices(override) ?? known?.prices ?? [],
  accepts: override.accepts ?? known?.accepts ?? null,
});

const overriddenPrices = (override: ModelOverride): readonly DatedPrices[] | null => {
  const { input_mtok: input, output_mtok: output, cache_read_mtok: read, cache_write_mtok: write } = override;
  if (input === undefined || output === undefined) return null;
  return [
    {
      start_date: null,
      input_mtok: input,
      output_mtok: output,
      cache_read_mtok: read ?? input,
      cache_write_mtok: write ?? input,
    },
  ];
};

const isKnownProvider = (id: string): boolean => Object.hasOwn(MODEL_PROVIDERS, parseModelId(id)?.provider ?? '');

const fault = (source: string, faults: readonly string[]): KaziError =>
  new KaziError('INVALID_CONFIG', {
    message: [`The prices of models in ${source} cannot be used:`, ...faults.map((line) => `- ${line}`)].join('\n'),
  });
