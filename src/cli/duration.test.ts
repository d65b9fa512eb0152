import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseDuration } from './duration.ts';
import { CommandFailure } from './exit-code.ts';

describe('parseDuration', () => {
  test('understands seconds, minutes, hours and days', () => {
    assert.deepEqual(['90s', '15m', '12h', '30d'].map(parseDuration), [90_000, 900_000, 43_200_000, 2_592_000_000]);
  });

  for (const text of ['', '0s', '15', 'm', '1.5h', '-1s', '1w', '1h30m']) {
    test(`refuses "${text}" as wrong usage`, () => {
      assert.throws(
        () => parseDuration(text),
        (error) => error instanceof CommandFailure && error.reason === 'usage' && error.message.includes(`"${text}"`),
      );
    });
  }
});
