import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { renderPrices } from '../../scripts/refresh-prices.ts';
import { priceSnapshot } from '../../src/models/model-facts.ts';

const text = readFileSync(new URL('../../src/models/prices.json', import.meta.url), 'utf8');

test('the vendored prices are what the script makes of the installed package', () => {
  const { date } = priceSnapshot.parse(JSON.parse(text));
  assert.equal(text, renderPrices(date), 'run: node scripts/refresh-prices.ts');
});

test('the vendored prices name their source, version and licence', () => {
  const { source, version, license } = priceSnapshot.parse(JSON.parse(text));
  assert.equal(source, '@pydantic/genai-prices');
  assert.match(version, /^\d+\.\d+\.\d+$/);
  assert.equal(license, 'MIT');
});

test('models stand in order, and dated prices begin with the oldest', () => {
  const { models } = priceSnapshot.parse(JSON.parse(text));
  const ids = Object.keys(models);
  assert.deepEqual(ids, ids.toSorted());
  for (const [id, { prices }] of Object.entries(models)) {
    const starts = prices.map(({ start_date: start }) => start ?? '');
    assert.deepEqual(starts, starts.toSorted(), id);
  }
});
