/**
 * Writes src/models/prices.json from the installed @pydantic/genai-prices: `node scripts/refresh-prices.ts`. A test
 * compares the two. Only ids that the package lists letter by letter are taken; its patterns are left out, because a
 * price for a model that merely looks alike would be a guess.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { findProvider, type MatchLogic, type ModelInfo, type ModelPrice } from '@pydantic/genai-prices';
import { type DatedPrices, type PriceSnapshot, priceSnapshot } from '../src/models/model-facts.ts';

const SNAPSHOT = new URL('../src/models/prices.json', import.meta.url);
/** The models that each provider of kazi serves. The package counts those that Google resells elsewhere as Google's too. */
const SERVED: Readonly<Record<string, RegExp>> = { anthropic: /./, openai: /./, google: /^gem(ini|ma)-/ };

/** Units that no call of kazi is billed by: it writes no hour-long cache, sends no sound and film, uses no hosted tools. */
const NEVER_BILLED =
  /^(cache_write_1h_mtok|web_searches_kcount|storage_searches_kcount|(input|cache)_(audio|video)(_read)?_mtok)$/;
/** Models that are billed by these draw, speak or hear: their cost does not follow from the tokens that kazi counts. */
const NOT_COUNTED =
  /^((input|cache)_image(_read)?_mtok|output_(image|audio|video)_mtok|(input_)?audio_hours|requests_kcount)$/;
const COUNTED = ['input_mtok', 'output_mtok', 'cache_read_mtok', 'cache_write_mtok'] as const;

/** The whole text of the snapshot, dated. Throws when the package has a unit or a rule that this script does not know. */
export const renderPrices = (date: string): string => {
  const models: PriceSnapshot['models'] = {};
  for (const [provider, served] of Object.entries(SERVED)) {
    for (const model of findProvider({ providerId: provider })?.models ?? []) {
      const prices = datedPrices(model);
      if (prices === null) continue;
      for (const id of exactIds(model).filter((found) => served.test(found) && !found.endsWith('-'))) {
        const key = `${provider}/${id}`;
        if (key in models) throw new Error(`"${key}" is listed twice in @pydantic/genai-prices`);
        models[key] = { context_window: model.context_window ?? null, prices: spreadCachePrices(provider, prices) };
      }
    }
  }
  const sorted = Object.fromEntries(Object.entries(models).sort(([left], [right]) => (left < right ? -1 : 1)));
  const snapshot = priceSnapshot.parse({ ...readOrigin(), date, models: sorted });
  return `${JSON.stringify(snapshot, null, 2)}\n`;
};

/** Null for a model whose calls cost more than its text, or at times of the day that nobody can plan for. */
const datedPrices = ({ id, prices }: ModelInfo): readonly DatedPrices[] | null => {
  const listed = Array.isArray(prices) ? prices : [{ prices }];
  const dated: DatedPrices[] = [];
  for (const { constraint, prices: units } of listed) {
    if (constraint !== undefined && constraint.type !== 'start_date') return null;
    const counted = countedPrices(id, units);
    if (counted === null) return null;
    dated.push({ start_date: constraint?.start_date ?? null, ...counted });
  }
  return dated;
};

const countedPrices = (id: string, units: ModelPrice): Omit<DatedPrices, 'start_date'> | null => {
  const names = Object.keys(units).filter((name) => units[name] !== undefined);
  if (names.some((name) => NOT_COUNTED.test(name))) return null;
  const unknown = names.find((name) => !NEVER_BILLED.test(name) && !COUNTED.some((known) => known === name));
  if (unknown !== undefined) throw new Error(`"${id}" is billed by "${unknown}", which this script does not know`);
  const entries = COUNTED.filter((name) => names.includes(name)).map((name) => [name, units[name]] as const);
  const prices = Object.fromEntries(entries);
  // An embedding has no output to pay for.
  if (prices['input_mtok'] === undefined || prices['output_mtok'] === undefined) return null;
  return prices as Omit<DatedPrices, 'start_date'>;
};

/** OpenAI and Google bill what goes into their cache as ordinary input, so a price that is not listed is that of input. */
const spreadCachePrices = (provider: string, prices: readonly DatedPrices[]): DatedPrices[] =>
  prices.map((dated) =>
    provider === 'anthropic' || dated.cache_write_mtok !== undefined
      ? dated
      : { ...dated, cache_write_mtok: dated.input_mtok },
  );

/** The model's own id where the package itself would find the model by it, and all that it lists as equal. One that ends in a hyphen begins ids. */
const exactIds = ({ id, match }: ModelInfo): readonly string[] => {
  const listed = new Set(equalIds(match));
  if (isMatch(match, id)) listed.add(id);
  return [...listed];
};

const equalIds = (match: MatchLogic): readonly string[] => {
  if ('equals' in match) return [match.equals];
  return 'or' in match ? match.or.flatMap(equalIds) : [];
};

const isMatch = (match: MatchLogic, id: string): boolean => {
  if ('or' in match) return match.or.some((part) => isMatch(part, id));
  if ('and' in match) return match.and.every((part) => isMatch(part, id));
  if ('equals' in match) return id === match.equals;
  if ('starts_with' in match) return id.startsWith(match.starts_with);
  if ('ends_with' in match) return id.endsWith(match.ends_with);
  if ('contains' in match) return id.includes(match.contains);
  return new RegExp(match.regex).test(id);
};

/** Name, version and licence of the package. Its manifest is not among its exports, so it is read from the disk. */
const readOrigin = (): Pick<PriceSnapshot, 'source' | 'version' | 'license'> => {
  const folder = dirname(dirname(createRequire(import.meta.url).resolve('@pydantic/genai-prices')));
  const manifest: unknown = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  const { name, version } = manifest as { readonly name: string; readonly version: string };
  const license = /^(?:The )?MIT License/.test(readFileSync(join(folder, 'LICENSE'), 'utf8')) ? 'MIT' : null;
  if (license === null)
    throw new Error(`The licence of ${name} ${version} is no longer MIT; look at it before taking its data`);
  return { source: name, version, license };
};

if (import.meta.main) {
  const kept = existsSync(SNAPSHOT) ? readFileSync(SNAPSHOT, 'utf8') : null;
  // The date is that of the data: writing the same data again changes nothing.
  const keptDate = kept === null ? null : priceSnapshot.parse(JSON.parse(kept)).date;
  const isCurrent = keptDate !== null && renderPrices(keptDate) === kept;
  if (!isCurrent) writeFileSync(SNAPSHOT, renderPrices(new Date().toISOString().slice(0, 10)));
}
