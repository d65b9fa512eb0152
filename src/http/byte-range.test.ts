import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readRange } from './byte-range.ts';

test('a satisfiable range names bytes that the file has', () => {
  const header = fc.oneof(
    fc.tuple(fc.nat(), fc.nat()).map(([first, last]) => `bytes=${first}-${last}`),
    fc.nat().map((count) => `bytes=-${count}`),
    fc.nat().map((first) => `bytes=${first}-`),
    fc.string(),
  );
  fc.assert(
    fc.property(header, fc.nat({ max: 1_000 }), (text, sizeBytes) => {
      const range = readRange(text, sizeBytes);
      if (range.kind === 'part')
        assert.ok(0 <= range.firstByte && range.firstByte <= range.lastByte && range.lastByte < sizeBytes);
    }),
  );
});

test('an empty file has no satisfiable range', () => {
  for (const text of ['bytes=0-', 'bytes=0-0', 'bytes=-1'])
    assert.deepEqual(readRange(text, 0), { kind: 'unsatisfiable' });
});

test('a suffix longer than the file is all of it', () => {
  assert.deepEqual(readRange('bytes=-50', 10), { kind: 'part', firstByte: 0, lastByte: 9 });
});
