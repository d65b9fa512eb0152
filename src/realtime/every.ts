import { setTimeout as delay } from 'node:timers/promises';

/** Does the work again and again, a tenth more or less than `ms` after it ended, until the abort. The work must not throw. */
export const every = async (ms: number, signal: AbortSignal, work: () => Promise<void>): Promise<void> => {
  while (!signal.aborted) {
    await delay(ms * (0.9 + Math.random() * 0.2), undefined, { signal }).catch(() => undefined /* the loop ends */);
    if (!signal.aborted) await work();
  }
};
