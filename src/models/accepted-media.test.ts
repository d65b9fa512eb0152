import assert from 'node:assert/strict';
import { test } from 'node:test';
import { acceptsMedia } from './accepted-media.ts';

test('current models of the big providers take images and PDFs, and no sound', () => {
  for (const model of [
    { provider: 'anthropic', name: 'claude-sonnet-5', allowed: null },
    { provider: 'openai', name: 'gpt-6-sol', allowed: null },
    { provider: 'google', name: 'gemini-3.5-flash', allowed: null },
  ] as const) {
    assert.equal(acceptsMedia(model, 'image/png'), true, model.name);
    assert.equal(acceptsMedia(model, 'application/pdf'), true, model.name);
    assert.equal(acceptsMedia(model, 'audio/mpeg'), false, model.name);
  }
});

test('older models of text alone take neither', () => {
  for (const name of ['gpt-3.5-turbo', 'gpt-4', 'gpt-4-0613', 'o1-mini', 'o3-mini', 'gpt-oss-120b']) {
    assert.equal(acceptsMedia({ provider: 'openai', name, allowed: null }, 'image/png'), false, name);
  }
  assert.equal(acceptsMedia({ provider: 'openai', name: 'gpt-4.1', allowed: null }, 'image/png'), true);
  assert.equal(acceptsMedia({ provider: 'openai', name: 'gpt-4o', allowed: null }, 'image/png'), true);
  assert.equal(acceptsMedia({ provider: 'anthropic', name: 'claude-3-opus', allowed: null }, 'application/pdf'), false);
});

test('a compatible server takes what the operator says of it', () => {
  const model = { provider: 'openai-compatible', name: 'qwen-vl' } as const;
  assert.equal(acceptsMedia({ ...model, allowed: null }, 'image/png'), false);
  assert.equal(acceptsMedia({ ...model, allowed: ['image/*'] }, 'image/png'), true);
  assert.equal(acceptsMedia({ ...model, allowed: ['image/*'] }, 'application/pdf'), false);
});
