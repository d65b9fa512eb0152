/** The last second of the year 9999: later times have no four-digit year, which other software stumbles over. */
export const MAX_SECONDS = 253_402_300_799;

/** Whole Unix seconds, as the jobs API counts time; null stays null. */
export const toSeconds = <D extends Date | null>(date: D): D extends Date ? number : number | null =>
  // The condition of the type is the condition of the value.
  (date === null ? null : Math.floor(date.getTime() / 1_000)) as D extends Date ? number : number | null;
