import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { backoffMs } from './backoff.ts';

const almostOne = 1 - Number.EPSILON / 2;

test('the bound doubles with each attempt until the longest wait', () => {
  const bounds = [1, 2, 3, 4, 5].map((attempt) =>
    backoffMs({ attempt, firstMs: 100, longestMs: 1000, random: () => almostOne }),
  );
  assert.deepEqual(bounds, [100, 200, 400, 800, 1000]);
});

test('every wait is a whole number within its bound, at any attempt', () => {
  const input = fc.record({
    attempt: fc.integer({ min: 1, max: 10_000 }),
    firstMs: fc.integer({ min: 1, max: 60_000 }),
    longestMs: fc.integer({ min: 1, max: 86_400_000 }),
    drawn: fc.double({ min: 0, max: almostOne, noNaN: true }),
  });
  fc.assert(
    fc.property(input, ({ drawn, ...rest }) => {
      const waitMs = backoffMs({ ...rest, random: () => drawn });
      assert.ok(Number.isInteger(waitMs) && waitMs >= 0);
      assert.ok(waitMs <= Math.min(rest.longestMs, rest.firstMs * 2 ** (rest.attempt - 1)));
    }),
  );
});

test('jitter is full: the shortest wait is none at all', () => {
  assert.equal(backoffMs({ attempt: 9, firstMs: 100, longestMs: 1000, random: () => 0 }), 0);
});
