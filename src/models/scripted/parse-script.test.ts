import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseScript } from './parse-script.ts';

const faultsOf = (json: unknown): readonly string[] => {
  try {
    parseScript(json);
  } catch (error) {
    assert.ok(error instanceof Error && 'code' in error && error.code === 'INVALID_CONFIG');
    return error.message.split('\n').slice(1);
  }
  return [];
};

const withTurn = (turn: unknown): unknown => ({ conversations: [{ name: 'a', turns: [turn] }] });

test('a script of all that there is to say is taken as it is', () => {
  const script = {
    requiredKey: 'key',
    models: ['one'],
    conversations: [
      {
        name: 'a',
        when: { contains: 'x', systemContains: 'y', model: 'one' },
        repeatLast: true,
        turns: [
          {
            text: 'x',
            reasoning: 'y',
            toolCalls: [
              { name: 'bash', input: { deep: [1, null, { a: true }] } },
              { name: 'bash', rawInput: '{' },
            ],
            usage: { inputTokens: 5, cacheReadTokens: 2, cacheWriteTokens: 3, outputTokens: 4, reasoningTokens: 4 },
            finish: 'length',
            delayMs: 0,
            tokenDelayMs: 5,
            chunkCharacters: 1,
            faults: [{ status: 429, retryAfterSeconds: 0.5, code: 'c', message: 'm' }, { hang: true }],
            expect: { lastToolResultContains: 'x', systemContains: 'y', offersTool: 'bash' },
          },
        ],
      },
    ],
  };
  assert.deepEqual(parseScript(script), script);
});

test('every fault of a script is listed with its place, what was found and what is expected', () => {
  const json = {
    model: ['x'],
    conversations: [
      { name: 'a', turns: [] },
      { name: 7, turns: [{ txet: 'x', text: 1, tokenDelayMs: -1, chunkCharacters: 0.5, finish: 'end' }] },
    ],
  };
  assert.deepEqual(faultsOf(json), [
    'conversations[0].turns: found [], expected at least 1 entries.',
    'conversations[1].name: found 7, expected a text.',
    'conversations[1].turns[0].text: found 1, expected a text.',
    'conversations[1].turns[0].finish: found "end", expected "stop" or "length" or "content_filter".',
    'conversations[1].turns[0].tokenDelayMs: found -1, expected at least 0.',
    'conversations[1].turns[0].chunkCharacters: found 0.5, expected a whole number.',
    'conversations[1].turns[0]: found the unknown key "txet", did you mean "text"?',
    'script: found the key "model", which has its place elsewhere (docs/fake-model.md).',
  ]);
});

test('parts that contradict each other are faults', () => {
  const found = (turn: unknown): string => faultsOf(withTurn(turn)).join('\n');
  assert.match(found({}), /turns\[0\]: found \{\}, expected at least one of text, reasoning, /);
  assert.match(found({ faults: [{ hang: true, status: 500 }] }), /faults\[0\]: .*expected exactly one of status, /);
  assert.match(
    found({ faults: [{ hang: true, retryAfterSeconds: 1 }] }),
    /retryAfterSeconds together with status only/,
  );
  assert.match(found({ toolCalls: [{ name: 'x', input: {}, rawInput: '' }] }), /toolCalls\[0\]: .*one of input/);
  assert.match(
    found({ text: 'x', usage: { inputTokens: 1, cacheReadTokens: 2 } }),
    /usage: .*inputTokens that include/,
  );
  assert.match(found({ text: 'x', usage: { outputTokens: 1, reasoningTokens: 2 } }), /outputTokens that include/);
});

test('two conversations of one name are a fault', () => {
  const one = { name: 'a', turns: [{ text: 'x' }] };
  assert.deepEqual(faultsOf({ conversations: [one, one] }), [
    'conversations[1].name: found "a" a second time, expected a name of its own.',
  ]);
});

test('what is no object is a fault of its own', () => {
  assert.deepEqual(faultsOf([]), ['script: found [], expected an object.']);
  assert.deepEqual(faultsOf(null), ['script: found null, expected an object.']);
});
