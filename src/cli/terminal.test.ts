import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { clip, harmless } from './terminal.ts';

describe('harmless', () => {
  test('keeps words, tabs and line ends', () => {
    assert.equal(harmless('a\tb\nc\r\nd é 木'), 'a\tb\nc\nd é 木');
  });

  test('takes colours and cursor moves out as a whole', () => {
    assert.equal(harmless('\u001b[1;31mred\u001b[0m\u001b[2J!'), 'red!');
  });

  test('leaves no character of any text that a terminal obeys', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        assert.doesNotMatch(harmless(text), /(?![\t\n])\p{Cc}/u);
      }),
    );
  });
});

describe('clip', () => {
  test('leaves a line alone that fits, and marks where it cut another', () => {
    assert.equal(clip('abc', 3), 'abc');
    assert.equal(clip('abcd', 3), 'ab…');
  });

  test('counts whole characters, so that none is cut in two', () => {
    assert.equal(clip('😀😀😀', 2), '😀…');
  });
});
