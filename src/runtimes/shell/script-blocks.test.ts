import assert from 'node:assert/strict';
import { test } from 'node:test';
import { scriptBlocks } from './script-blocks.ts';

test('an input without fences is one step', () => {
  assert.deepEqual(scriptBlocks('echo 1\necho 2'), ['echo 1\necho 2']);
});

test('a single fenced block leaves the whole input one step', () => {
  const input = '```sh\necho 1\n```';
  assert.deepEqual(scriptBlocks(input), [input]);
});

test('several fenced blocks are the steps, in order, without the prose between them', () => {
  const input = 'First:\n```sh\necho 1\n```\nthen\n````bash\necho "```"\necho 2\n````\n```js\nnot this\n```\n';
  assert.deepEqual(scriptBlocks(input), ['echo 1', 'echo "```"\necho 2']);
});

test('an unclosed fence runs to the end of the input', () => {
  assert.deepEqual(scriptBlocks('```sh\necho 1\n```\n```sh\necho 2'), ['echo 1', 'echo 2']);
});
