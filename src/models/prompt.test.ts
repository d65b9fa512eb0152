import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ModelMessage } from 'ai';
import type { ModelRequest } from './model.ts';
import { makePrompt } from './prompt.ts';

const user = (content: string): ModelMessage => ({ role: 'user', content });
const assistant = (content: string): ModelMessage => ({ role: 'assistant', content });

const request = (parts: Partial<ModelRequest>): ModelRequest => ({
  system: 'You are kazi.',
  messages: [user('hello')],
  tools: [],
  outputSchema: null,
  maxOutputTokens: 1000,
  signal: new AbortController().signal,
  onDelta: () => undefined,
  ...parts,
});

const mark = { anthropic: { cacheControl: { type: 'ephemeral' } } };

test('Anthropic caches up to the system prompt and the last two turns, and nobody else is told of it', () => {
  const messages = [user('1'), assistant('2'), user('3'), assistant('4'), user('5')];
  const prompt = makePrompt(request({ messages }), 'anthropic');
  assert.deepEqual(prompt.instructions.providerOptions, mark);
  assert.deepEqual(
    prompt.messages.map(({ providerOptions }) => providerOptions),
    [undefined, undefined, mark, undefined, mark],
  );
  assert.ok(
    makePrompt(request({ messages }), 'openai').messages.every((message) => message.providerOptions === undefined),
  );
});

test('a conversation of one message is marked once', () => {
  assert.deepEqual(makePrompt(request({}), 'anthropic').messages, [{ ...user('hello'), providerOptions: mark }]);
});

test('the messages of the caller stay as they are', () => {
  const messages = Object.freeze([Object.freeze(user('hello'))]);
  makePrompt(request({ messages }), 'anthropic');
  assert.deepEqual(messages, [user('hello')]);
});

test('marks that a message had are kept beside the new one', () => {
  const kept: ModelMessage = { ...user('hello'), providerOptions: { openai: { a: 1 } } };
  const [message] = makePrompt(request({ messages: [kept] }), 'anthropic').messages;
  assert.deepEqual(message?.providerOptions, { openai: { a: 1 }, ...mark });
});

test('OpenAI keeps nothing and takes schemas as they are', () => {
  assert.deepEqual(makePrompt(request({}), 'openai').providerOptions, {
    openai: { store: false, strictJsonSchema: false },
  });
});

test('a schema of the answer goes to OpenAI alone, and only when it is one of an object', async () => {
  const outputSchema = { type: 'object', properties: { a: { type: 'string' } } };
  const { output } = makePrompt(request({ outputSchema }), 'openai');
  assert.deepEqual(await output?.responseFormat, { type: 'json', schema: outputSchema, name: 'answer' });
  for (const provider of ['anthropic', 'google', 'openai-compatible'] as const) {
    assert.equal(makePrompt(request({ outputSchema }), provider).output, undefined, provider);
  }
  assert.equal(makePrompt(request({ outputSchema: { type: 'array' } }), 'openai').output, undefined);
});

test('no tools are no list at all', () => {
  assert.equal('tools' in makePrompt(request({}), 'openai'), false);
});
