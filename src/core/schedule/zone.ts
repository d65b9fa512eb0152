import { KaziError } from '../errors.ts';

const IANA_NAME = /^[A-Za-z][A-Za-z0-9_+/-]*$/;
const OFFSET = /GMT(?:([+-])(\d\d):(\d\d)(?::(\d\d))?)?$/;
/** Further than any clock change moves a clock, and nearer than two changes of one zone lie together. */
const DAY_MS = 86_400_000;

/**
 * A time zone. Wall times are milliseconds that Date would show in UTC as what the clock on the wall shows.
 */
export interface Zone {
  /** What the clock shows at an instant. */
  toWall(instantMs: number): number;
  /**
   * The instant at which the clock shows a wall time: the first of two; for one that a clock change skips, the first
   * instant after the change.
   */
  toInstant(wallMs: number): number;
}

const UTC: Zone = { toWall: (instantMs) => instantMs, toInstant: (wallMs) => wallMs };

/** The zone of an IANA name. Throws INVALID_TIMEZONE. */
export const openZone = (name: string): Zone => {
  if (name === 'UTC') return UTC;
  const format = openFormat(name);
  const offsetAt = (instantMs: number): number => parseOffset(format.format(instantMs));
  return {
    toWall: (instantMs) => instantMs + offsetAt(instantMs),
    toInstant: (wallMs) => {
      const before = offsetAt(wallMs - DAY_MS);
      const after = offsetAt(wallMs + DAY_MS);
      const fitting = [wallMs - before, wallMs - after].filter((instant) => instant + offsetAt(instant) === wallMs);
      if (fitting.length > 0) return Math.min(...fitting);
      return findChange(wallMs, offsetAt);
    },
  };
};

const openFormat = (name: string): Intl.DateTimeFormat => {
  try {
    if (IANA_NAME.test(name))
      return new Intl.DateTimeFormat('en-US', { timeZone: name, timeZoneName: 'longOffset', year: 'numeric' });
  } catch {
    // Not a zone that this Node knows.
  }
  throw new KaziError('INVALID_TIMEZONE', { timezone: name });
};

/** "2026 GMT-00:44:30" → milliseconds east of Greenwich. */
const parseOffset = (text: string): number => {
  const [, sign, hours = 0, minutes = 0, seconds = 0] = OFFSET.exec(text) ?? [];
  const total = (Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds)) * 1_000;
  return sign === '-' ? -total : total;
};

/** The first instant whose wall time is later than a skipped one: that of the change which skipped it. */
const findChange = (wallMs: number, offsetAt: (instantMs: number) => number): number => {
  let early = wallMs - DAY_MS - offsetAt(wallMs - DAY_MS);
  let late = wallMs + DAY_MS - offsetAt(wallMs + DAY_MS);
  while (late - early > 1) {
    const middle = Math.floor((early + late) / 2);
    if (middle + offsetAt(middle) > wallMs) late = middle;
    else early = middle;
  }
  return late;
};
