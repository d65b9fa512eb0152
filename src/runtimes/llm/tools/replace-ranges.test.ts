import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { keepLineEnds, replaceRanges, withoutCarriageReturns } from './replace-ranges.ts';

const pieces = fc.array(fc.constantFrom('a', 'b', '\n', '\r\n', '\r'), { maxLength: 30 }).map((part) => part.join(''));

test('the ranges of a change hold the replacements', () => {
  const change = replaceRanges('xax a', { wanted: 'a', replacement: 'bcd' });
  assert.equal(change?.text, 'xbcdx bcd');
  assert.deepEqual(
    change.ranges.map(({ start, end }) => change.text.slice(start, end)),
    ['bcd', 'bcd'],
  );
});

test('a change of a text with any line ends is the change, but for its line ends', () => {
  fc.assert(
    fc.property(
      pieces,
      fc.constantFrom('a', 'ab', 'a\n', '\nb', '\n'),
      fc.constantFrom('', 'z', 'z\nz'),
      (original, wanted, replacement) => {
        const before = withoutCarriageReturns(original);
        // A carriage return that stands alone before a line end makes two readings of the same text.
        fc.pre(!/\r\r?\n|\r$/.test(before) && !original.includes('\r\r'));
        const change = replaceRanges(before, { wanted, replacement });
        assert.ok(change !== null);
        const after = keepLineEnds(original, change);
        fc.pre(!change.text.includes('\r\n'));
        assert.equal(withoutCarriageReturns(after), change.text);
        if (change.ranges.length === 0) assert.equal(after, original);
        if (!original.includes('\r')) assert.equal(after, change.text);
      },
    ),
  );
});
