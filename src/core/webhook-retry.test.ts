import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { deliveryBounds, retryWaitMs } from './webhook-retry.ts';

const middle = () => 0.5;

describe('the waits between attempts', () => {
  test('are those of the contract', () => {
    const waits = Array.from({ length: 11 }, (_, place) =>
      retryWaitMs({ attempts: place + 1, retryAfterMs: null, random: middle }),
    );
    const seconds = [1, 5, 30, 120, 600, 3_600, 21_600, 21_600, 21_600, 21_600, 21_600];
    assert.deepEqual(
      waits.map((wait) => wait / 1_000),
      seconds,
    );
  });

  test('are spread by a tenth, and never shorter than what the receiver asked for, up to an hour', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 12 }),
        fc.option(fc.integer({ min: 0, max: 100_000_000 })),
        fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
        (attempts, retryAfterMs, random) => {
          const usual = retryWaitMs({ attempts, retryAfterMs: null, random: middle });
          const wait = retryWaitMs({ attempts, retryAfterMs, random: () => random });
          const asked = Math.min(retryAfterMs ?? 0, 3_600_000);
          assert.ok(wait >= Math.floor(usual * 0.9) && wait >= asked);
          assert.ok(wait <= Math.max(Math.ceil(usual * 1.1), asked));
        },
      ),
    );
  });
});

test('a delivery has 8 attempts of 10 s, and at most 12 of 60 s whatever is asked for', () => {
  assert.deepEqual(deliveryBounds({ timeout_seconds: null, max_attempts: null }), {
    timeoutMs: 10_000,
    maxAttempts: 8,
  });
  assert.deepEqual(deliveryBounds({ timeout_seconds: 3, max_attempts: 1 }), { timeoutMs: 3_000, maxAttempts: 1 });
  const most = deliveryBounds({ timeout_seconds: 1_000_000_000, max_attempts: 1_000_000_000 });
  assert.deepEqual(most, { timeoutMs: 60_000, maxAttempts: 12 });
});
