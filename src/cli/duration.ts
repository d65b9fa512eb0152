import { CommandFailure } from './exit-code.ts';

const UNITS_MS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of `90s`, `15m`, `12h` or `30d`. Throws CommandFailure (usage) for everything else. */
export const parseDuration = (text: string): number => {
  const [, count = '', unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const ms = Number(count) * (UNITS_MS[unit] ?? Number.NaN);
  if (ms > 0) return ms;
  throw new CommandFailure(
    'usage',
    `found the duration "${text}", expected a number and one of s, m, h, d, such as "15m"; write it like that`,
  );
};

/** Unix seconds of a time that long ago. Throws as parseDuration does. */
export const secondsAgo = (text: string): number => Math.floor((Date.now() - parseDuration(text)) / 1_000);
