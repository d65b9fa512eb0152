import { BUILTIN_MODELS } from '../core/builtin-models.ts';
import type { ModelCatalog } from '../core/model-catalog.ts';
import { findModelObstacle, type ModelSettings } from '../core/model-choice.ts';
import { parseModelId } from '../core/model-id.ts';
import { loadPriceTable, type PriceOverrides } from './price-table.ts';

/** What can be called with the settings: known models of configured providers, and any of a compatible server. */
export const createModelCatalog = (options: {
  readonly settings: ModelSettings;
  readonly priceOverrides?: PriceOverrides;
}): ModelCatalog => {
  const { settings, priceOverrides = {} } = options;
  const table = loadPriceTable(priceOverrides);
  const isUsable = (handle: string): boolean => findModelObstacle(handle, settings) === null;
  const own = settings.model !== null && isUsable(settings.model) ? [settings.model] : [];
  const known = [...new Set([...own, ...[...table.keys()].filter(isUsable), ...BUILTIN_MODELS])];
  const names = new Set(known);
  return {
    ownModel: settings.model,
    has: (handle) => names.has(handle) || (parseModelId(handle)?.provider === 'openai-compatible' && isUsable(handle)),
    handles: () => known,
    contextTokensOf: (handle) => table.get(handle)?.contextTokens ?? null,
  };
};
