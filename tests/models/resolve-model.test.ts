import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isKaziError } from '../../src/core/errors.ts';
import { createModels } from '../../src/models/models.ts';
import { settingsAt } from './model-calls.ts';

const settings = settingsAt('http://127.0.0.1:1');

test("null is the server's own model", () => {
  const models = createModels({ settings: { ...settings, model: 'openai/gpt-6-sol' } });
  assert.equal(models.resolve(null).id, 'openai/gpt-6-sol');
  assert.equal(models.resolve('anthropic/claude-sonnet-5').provider, 'anthropic');
});

test('without any model the error says what to set', () => {
  assert.throws(
    () => createModels({ settings }).resolve(null),
    (error) => isKaziError(error, 'NO_MODEL') && /KAZI_MODEL/.test(error.message),
  );
});

test('a provider without its key, or that nobody knows, says what to set', () => {
  const models = createModels({ settings: { ...settings, anthropicApiKey: null } });
  assert.throws(
    () => models.resolve('anthropic/claude-sonnet-5'),
    (error) =>
      isKaziError(error, 'MODEL_UNAVAILABLE') &&
      error.message ===
        'Model "anthropic/claude-sonnet-5" cannot be used: ANTHROPIC_API_KEY is not set; set ANTHROPIC_API_KEY.',
  );
  assert.throws(
    () => models.resolve('opnai/gpt-6-sol'),
    (error) => isKaziError(error, 'MODEL_UNAVAILABLE') && /did you mean "openai"\?/.test(error.message),
  );
});

test('facts come from the table by exact id, and are unknown for all others', () => {
  const models = createModels({ settings });
  const known = models.resolve('anthropic/claude-sonnet-5');
  assert.equal(known.contextTokens, 1_000_000);
  const usage = { inputTokens: 10, cacheReadTokens: 0, cacheWriteTokens: 0, outputTokens: 10, reasoningTokens: 0 };
  assert.ok((known.cost(usage) ?? 0) > 0);
  const unknown = models.resolve('anthropic/claude-sonnet-5-of-tomorrow');
  assert.equal(unknown.contextTokens, null);
  assert.equal(unknown.cost(usage), null);
});

test('the price is that of the day', () => {
  const usage = {
    inputTokens: 1_000_000,
    cacheReadTokens: 0,
    cacheWriteTokens: 0,
    outputTokens: 0,
    reasoningTokens: 0,
  };
  const google = { ...settings, googleGenerativeAiApiKey: 'key' };
  const costOn = (day: string): number | null =>
    createModels({ settings: google, now: () => new Date(day) })
      .resolve('google/gemini-3.6-flash')
      .cost(usage);
  assert.equal(costOn('2026-12-31'), 750_000);
  assert.equal(costOn('2027-01-02'), 1_500_000);
});
