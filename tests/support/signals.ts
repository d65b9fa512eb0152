import { setTimeout as delay } from 'node:timers/promises';

const LOOK_EVERY_MS = 5;
const DEADLINE_MS = 30_000;

/** Looks again and again until the probe gives something other than undefined or false; rejects at the deadline, naming what it waited for. */
export const eventually = async <Found>(
  what: string,
  probe: () => Promise<Found | undefined | false> | Found | undefined | false,
  deadlineMs = DEADLINE_MS,
): Promise<Found> => {
  const end = performance.now() + deadlineMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > end) throw new Error(`found nothing after ${deadlineMs} ms, expected: ${what}`);
    await delay(LOOK_EVERY_MS);
  }
};
