import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { truncateMiddle, wholeText } from './truncate-middle.ts';

const truncate = (text: string, maxCharacters: number): string =>
  truncateMiddle(wholeText(text), { maxCharacters, describe: (omitted) => `[${omitted}]` });

test('a text that fits is left as it is', () => {
  assert.equal(truncate('a\nb', 3), 'a\nb');
  assert.equal(truncate('', 0), '');
});

test('a long text is cut between lines, and the note counts what is gone', () => {
  const lines = Array.from({ length: 100 }, (_, index) => `line ${String(index).padStart(3, '0')}\n`);
  assert.equal(truncate(lines.join(''), 40), 'line 000\nline 001\n[96 lines (864 characters)]\nline 098\nline 099\n');
});

test('a line without end is cut between its characters', () => {
  assert.equal(truncate('🐘'.repeat(50), 10), '🐘🐘\n[92 characters]\n🐘🐘');
});

test('whatever the text, the result is short, well formed and made of its two ends', () => {
  const text = fc
    .array(fc.constantFrom('a', '\n', '🐘', 'ä', 'long line '), { maxLength: 200 })
    .map((part) => part.join(''));
  fc.assert(
    fc.property(text, fc.integer({ min: 4, max: 100 }), (whole, maxCharacters) => {
      const result = truncateMiddle(wholeText(whole), { maxCharacters, describe: () => '\u0000' });
      assert.ok(result.length <= maxCharacters + 3 || result === whole);
      assert.ok(result.isWellFormed());
      if (whole.length <= maxCharacters) return assert.equal(result, whole);
      const [head = '', tail = ''] = result.split('\u0000\n');
      assert.ok(whole.startsWith(head) || whole.startsWith(head.slice(0, -1)));
      assert.ok(whole.endsWith(tail));
    }),
  );
});
