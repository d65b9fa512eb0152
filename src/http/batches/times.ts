const NANOSECONDS = 1_000_000;

/** RFC 3339 with milliseconds, as everywhere in this family. */
export const toTime = (date: Date | null): string | null => date && date.toISOString();

/** Nanoseconds; null unless both ends are known. */
export const toSpan = (from: Date | null, to: Date | null): number | null =>
  from && to && Math.max(0, to.getTime() - from.getTime()) * NANOSECONDS;
