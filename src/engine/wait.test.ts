import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Bell, jitter, waitFor } from './wait.ts';

const LONG_MS = 600_000;

describe('waitFor', () => {
  test('ends at the abort, and at once when it came before', async () => {
    const controller = new AbortController();
    const waiting = waitFor(LONG_MS, controller.signal);
    controller.abort();
    await waiting;
    await waitFor(LONG_MS, controller.signal);
    assert.ok(controller.signal.aborted);
  });

  test('ends by itself after the time', async () => {
    assert.equal(await waitFor(1), undefined);
  });
});

describe('Bell', () => {
  const never = new AbortController().signal;

  test('wakes who waits', async () => {
    const bell = new Bell();
    const waiting = bell.wait(LONG_MS, never).then(() => 'awake');
    bell.ring();
    assert.equal(await waiting, 'awake');
  });

  test('remembers rings that came while nobody waited as one', async () => {
    const bell = new Bell();
    bell.ring();
    bell.ring();
    await bell.wait(LONG_MS, never);
    const second = bell.wait(LONG_MS, never).then(() => 'awake');
    assert.equal(await Promise.race([second, new Promise((resolve) => setImmediate(resolve, 'asleep'))]), 'asleep');
    bell.ring();
    assert.equal(await second, 'awake');
  });

  test('ends at the abort, also when it came before', async () => {
    const bell = new Bell();
    const controller = new AbortController();
    const waiting = bell.wait(LONG_MS, controller.signal);
    controller.abort();
    await waiting;
    await bell.wait(LONG_MS, controller.signal);
    assert.ok(controller.signal.aborted);
  });

  test('gives up after the time', async () => {
    assert.equal(await new Bell().wait(1, never), undefined);
  });
});

test('jitter stays within a tenth', () => {
  for (let round = 0; round < 100; round += 1) {
    const ms = jitter(1_000);
    assert.ok(ms >= 900 && ms <= 1_100, `found ${ms}`);
  }
});
