import { setTimeout as delay } from 'node:timers/promises';

/** The time between two looks grows: most waits are short, and the long ones must not keep the machine busy. */
const FIRST_LOOK_MS = 4;
const LONGEST_LOOK_MS = 50;
const DEADLINE_MS = 30_000;

/** Looks again and again until the probe gives something other than undefined or false; rejects at the deadline, naming what it waited for. */
export const eventually = async <Found>(
  what: string,
  probe: () => Promise<Found | undefined | false> | Found | undefined | false,
  deadlineMs = DEADLINE_MS,
): Promise<Found> => {
  const end = performance.now() + deadlineMs;
  for (let waitMs = FIRST_LOOK_MS; ; waitMs = Math.min(LONGEST_LOOK_MS, waitMs * 1.3)) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > end) throw new Error(`found nothing after ${deadlineMs} ms, expected: ${what}`);
    await delay(waitMs);
  }
};
