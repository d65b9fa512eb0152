import assert from 'node:assert/strict';
import { test } from 'node:test';
import { retryAfterMs } from './retry-after.ts';

test('seconds, a date, milliseconds and the delay in a body of Google are understood', () => {
  const now = Date.parse('2026-11-24T04:00:00Z');
  assert.equal(retryAfterMs({ 'retry-after': '7' }, ''), 7000);
  assert.equal(retryAfterMs({ 'retry-after': '0.5' }, ''), 500);
  assert.equal(retryAfterMs({ 'retry-after': 'Tue, 24 Nov 2026 04:00:30 GMT' }, '', now), 30_000);
  assert.equal(retryAfterMs({ 'retry-after-ms': '1500', 'retry-after': '2' }, ''), 1500);
  assert.equal(retryAfterMs({}, '{"error":{"details":[{"retryDelay": "34.5s"}]}}'), 34_500);
});

test('a date in the past means now', () => {
  assert.equal(retryAfterMs({ 'retry-after': 'Tue, 24 Nov 2020 04:00:30 GMT' }, ''), 0);
});

test('what cannot be read is as if nothing had been said', () => {
  assert.equal(retryAfterMs({}, ''), null);
  assert.equal(retryAfterMs({ 'retry-after': 'soon' }, ''), null);
  assert.equal(retryAfterMs({ 'retry-after': '' }, ''), null);
});
