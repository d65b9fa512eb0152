import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseModel, findModelObstacle, type ModelSettings } from './model-choice.ts';

const nothing: ModelSettings = {
  model: null,
  anthropicApiKey: null,
  anthropicBaseUrl: null,
  openaiApiKey: null,
  openaiBaseUrl: null,
  googleGenerativeAiApiKey: null,
  openaiCompatibleUrl: null,
  openaiCompatibleApiKey: null,
};

test('a model with the key of its provider is usable, and the settings that made it so are named', () => {
  assert.deepEqual(chooseModel({ ...nothing, model: 'openai/gpt-5', openaiApiKey: 'key' }), {
    kind: 'usable',
    model: 'openai/gpt-5',
    reason: 'from KAZI_MODEL and OPENAI_API_KEY',
  });
});

test('a model of a compatible server needs its URL and no key', () => {
  const settings = { ...nothing, model: 'openai-compatible/qwen/qwen3:8b' };
  assert.deepEqual(chooseModel(settings), {
    kind: 'unusable',
    model: 'openai-compatible/qwen/qwen3:8b',
    reason: 'KAZI_OPENAI_COMPATIBLE_URL is not set',
    remedy: 'set KAZI_OPENAI_COMPATIBLE_URL',
  });
  assert.equal(chooseModel({ ...settings, openaiCompatibleUrl: 'http://localhost:11434/v1' }).kind, 'usable');
});

test('the key of another provider does not help', () => {
  const choice = chooseModel({ ...nothing, model: 'google/gemini-2.5-pro', openaiApiKey: 'key' });
  assert.ok(choice.kind === 'unusable');
  assert.equal(choice.remedy, 'set GOOGLE_GENERATIVE_AI_API_KEY');
});

test('a key without a model gives the line to add', () => {
  const choice = chooseModel({ ...nothing, anthropicApiKey: 'key' });
  assert.ok(choice.kind === 'none');
  assert.match(choice.reason, /^ANTHROPIC_API_KEY is set, but KAZI_MODEL is not$/);
  assert.match(choice.remedy, /^add KAZI_MODEL=anthropic\/claude-\S+$/);
});

test('the URL of a compatible server without a model gives the line to add', () => {
  const choice = chooseModel({ ...nothing, openaiCompatibleUrl: 'http://localhost:11434/v1' });
  assert.ok(choice.kind === 'none');
  assert.match(choice.remedy, /^add KAZI_MODEL=openai-compatible\//);
});

test('with nothing set, the advice names both ways', () => {
  const choice = chooseModel(nothing);
  assert.ok(choice.kind === 'none');
  assert.match(choice.remedy, /ANTHROPIC_API_KEY.*KAZI_OPENAI_COMPATIBLE_URL/);
});

test('an unknown provider gets the nearest name', () => {
  const obstacle = findModelObstacle('antropic/claude-sonnet-5', { ...nothing, anthropicApiKey: 'key' });
  assert.match(
    obstacle?.reason ?? '',
    /found the provider "antropic", expected one of anthropic, .*did you mean "anthropic"\?/,
  );
  assert.doesNotMatch(findModelObstacle('mistral/large', nothing)?.reason ?? '', /did you mean/);
});

test('names of built-in object properties are not providers', () => {
  assert.match(findModelObstacle('constructor/x', nothing)?.reason ?? '', /found the provider "constructor"/);
});

test('a text that is no id is told so', () => {
  assert.match(findModelObstacle('gpt-5', nothing)?.reason ?? '', /found "gpt-5", expected provider\/model/);
});
