import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { pino } from 'pino';
import { KaziError } from '../core/errors.ts';
import { Poller, type PollerOptions } from './poller.ts';

const FOR_EVER_MS = 2 ** 31 - 1;

/** A poller whose looks a test sees one by one, and what it has logged. */
const watchedPoller = (look: (count: number) => number | Promise<number>, more: Partial<PollerOptions> = {}) => {
  const lines: string[] = [];
  const looks: (() => void)[] = [];
  let count = 0;
  const poller = new Poller({
    log: pino({ level: 'info' }, { write: (line) => lines.push((JSON.parse(line) as { msg: string }).msg) }),
    failure: 'looking failed',
    look: async () => {
      count += 1;
      looks.shift()?.();
      return await look(count);
    },
    ...more,
  });
  const nextLook = async (): Promise<void> => await new Promise((resolve) => looks.push(resolve));
  return { poller, lines, nextLook, count: () => count };
};

describe('a poller', () => {
  test('looks again at once while there is more, then when somebody rings', async () => {
    const { poller, count } = watchedPoller((looks) => (looks < 3 ? 0 : FOR_EVER_MS));
    poller.start();
    await poller.firstLook;
    while (count() < 3) await new Promise(setImmediate);
    await new Promise(setImmediate);
    assert.equal(count(), 3);
    poller.ring();
    while (count() < 4) await new Promise(setImmediate);
    await poller.stop();
    assert.equal(count(), 4);
  });

  test('looks once more when somebody rings during a look', async () => {
    const { poller, nextLook, count } = watchedPoller((looks) => {
      if (looks === 1) poller.ring();
      return FOR_EVER_MS;
    });
    const second = nextLook().then(nextLook);
    poller.start();
    await second;
    await poller.stop();
    assert.equal(count(), 2);
  });

  test('goes on after a look that fails: a defect is logged, a database that is away is told of once', async () => {
    let away = 0;
    const { poller, lines, count } = watchedPoller(
      (looks) => {
        if (looks === 1) throw new Error('a defect');
        if (looks < 4) throw new KaziError('DATABASE_UNAVAILABLE', {});
        return FOR_EVER_MS;
      },
      { longestRetryMs: 1, onUnavailable: () => (away += 1) },
    );
    poller.start();
    while (count() < 4) await new Promise(setImmediate);
    await poller.stop();
    assert.deepEqual([lines, away], [['looking failed'], 1]);
  });

  test('that is stopped before its first look makes none, and does not keep whoever waits for that', async () => {
    const { poller, count } = watchedPoller(() => FOR_EVER_MS, { firstInMs: FOR_EVER_MS });
    poller.start();
    await poller.stop();
    await poller.firstLook;
    assert.equal(count(), 0);
  });
});
