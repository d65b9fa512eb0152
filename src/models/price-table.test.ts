import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MODEL_PROVIDERS } from '../core/model-choice.ts';
import { loadPriceTable, parsePriceOverrides } from './price-table.ts';

const parse = (value: unknown): ReturnType<typeof parsePriceOverrides> =>
  parsePriceOverrides(JSON.stringify(value), '"prices.json"');

test('models that advice names are in the vendored table', () => {
  const table = loadPriceTable({});
  for (const { example } of Object.values(MODEL_PROVIDERS)) {
    if (!example.startsWith('openai-compatible/')) assert.ok((table.get(example)?.prices.length ?? 0) > 0, example);
  }
});

test('only exact ids are known: no family, no neighbour, no date that nobody listed', () => {
  const table = loadPriceTable({});
  assert.ok(table.has('openai/gpt-4o-2024-08-06'));
  for (const id of ['openai/gpt-4o-2099-01-01', 'anthropic/claude', 'anthropic/claude-sonnet-4-5-20990101', 'gpt-4o']) {
    assert.equal(table.has(id), false, id);
  }
});

test('an override gives a model of a compatible server a price, and its cache the price of input', () => {
  const id = 'openai-compatible/qwen/qwen3:8b';
  const overrides = parse({
    [id]: { input_mtok: 0.1, output_mtok: 0.4, context_window: 32_768, max_output_tokens: 8192, accepts: ['image/*'] },
  });
  assert.deepEqual(loadPriceTable(overrides).get(id), {
    contextTokens: 32_768,
    maxOutputTokens: 8192,
    accepts: ['image/*'],
    prices: [{ start_date: null, input_mtok: 0.1, output_mtok: 0.4, cache_read_mtok: 0.1, cache_write_mtok: 0.1 }],
  });
});

test('an override without prices keeps those of the table', () => {
  const id = 'anthropic/claude-sonnet-5';
  const before = loadPriceTable({}).get(id);
  const after = loadPriceTable(parse({ [id]: { context_window: 100_000 } })).get(id);
  assert.equal(after?.contextTokens, 100_000);
  assert.deepEqual(after?.prices, before?.prices);
});

test('every fault of a price file is told at once, with its place', () => {
  const wrong = {
    'openai/a': { input_mtok: -1, output_mtok: 1 },
    'openai/b': { input_mtok: 1 },
    'openai/c': { cost: 3 },
    'openai/d': { input_mtok: 0.0000001, output_mtok: 1 },
  };
  assert.throws(
    () => parse(wrong),
    (error: Error) => {
      assert.match(error.message, /in "prices\.json" cannot be used/);
      for (const id of Object.keys(wrong)) assert.ok(error.message.includes(`"${id}"`), `${id} in ${error.message}`);
      assert.match(error.message, /given together/);
      return true;
    },
  );
});

test('an override of an unknown provider or without one is refused', () => {
  for (const id of ['gpt-5', 'opnai/gpt-5', 'constructor/x']) {
    assert.throws(
      () => parse({ [id]: { input_mtok: 1, output_mtok: 1 } }),
      /expected provider\/model with one of anthropic/,
    );
  }
});

test('a price file that is not JSON says where', () => {
  assert.throws(() => parsePriceOverrides('{ "a": ', '"prices.json"'), /"prices\.json" cannot be used:\n- not JSON: /);
});
