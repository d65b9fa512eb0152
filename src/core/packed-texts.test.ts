import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { PackedTexts } from './packed-texts.ts';

describe('packed texts', () => {
  test('come back as they were, in their order, and only once', () => {
    const text = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.constantFrom('', '世'.repeat(300_000), 'x'.repeat(2_000_000), 'é'.repeat(524_288), 'x'.repeat(1_048_576)),
    );
    fc.assert(
      fc.property(fc.array(text, { maxLength: 12 }), fc.array(text, { maxLength: 3 }), (texts, more) => {
        const packed = new PackedTexts();
        for (const each of texts) packed.add(each);
        assert.deepEqual([...packed.take()], texts);
        for (const each of more) packed.add(each);
        assert.deepEqual([...packed.take()], more);
      }),
      { numRuns: 40 },
    );
  });

  test('are forgotten by clear', () => {
    const packed = new PackedTexts();
    packed.add('a');
    packed.clear();
    packed.add('b');
    assert.deepEqual([...packed.take()], ['b']);
  });
});
