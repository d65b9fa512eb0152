import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseModelId } from './model-id.ts';

test('the first slash parts provider and name; later ones belong to the name', () => {
  assert.deepEqual(parseModelId('openai/gpt-5'), { provider: 'openai', name: 'gpt-5' });
  assert.deepEqual(parseModelId('openai-compatible/qwen/qwen3:8b'), {
    provider: 'openai-compatible',
    name: 'qwen/qwen3:8b',
  });
});

test('a text without provider or name is no id', () => {
  for (const text of ['', 'gpt-5', '/gpt-5', 'openai/', 'open ai/gpt-5', 'openai/gpt 5']) {
    assert.equal(parseModelId(text), null, text);
  }
});
