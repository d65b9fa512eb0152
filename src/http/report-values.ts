import { KaziError } from '../core/errors.ts';
import { nearestName } from '../core/nearest-name.ts';
import { MAX_SECONDS } from './seconds.ts';

const SHOWN_CHARACTERS = 80;
const RFC_3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:[Zz]|[+-]\d\d:\d\d)$/;

/** One of the names that are known. Throws INVALID_REQUEST with the one that was likely meant. */
export const readName = <const Name extends string>(text: string, what: string, known: readonly Name[]): Name => {
  const name = known.find((candidate) => candidate === text);
  if (name !== undefined) return name;
  const nearest = nearestName(text.slice(0, SHOWN_CHARACTERS), known);
  const hint = nearest === null ? '' : `; did you mean "${nearest}"?`;
  throw invalid(what, text, `${known.length > 12 ? 'a known one' : `one of ${known.join(', ')}`}${hint}`);
};

/** A time as Unix seconds or in RFC 3339; null when absent or empty. Throws INVALID_REQUEST. */
export const readTime = (query: URLSearchParams, name: string): Date | null => {
  const text = query.get(name);
  if (text === null || text === '') return null;
  // A plus sign in a query string arrives as a space; no time has one before its zone.
  const whole = text.replace(/ (?=\d\d:\d\d$)/, '+');
  const isSeconds = /^\d{1,12}(?:\.\d{1,3})?$/.test(whole);
  const ms = isSeconds
    ? Number(whole) * 1_000
    : RFC_3339.test(whole)
      ? Date.parse(whole.toUpperCase().replace(' ', 'T'))
      : Number.NaN;
  if (ms >= 0 && ms <= MAX_SECONDS * 1_000) return new Date(ms);
  throw invalid(name, text, 'Unix seconds, or a time such as 2026-01-31T00:00:00Z, from 1970 to 9999');
};

/** A name of the time zone database; `fallback` when absent. Throws INVALID_REQUEST with the name that was likely meant. */
export const readTimeZone = (query: URLSearchParams, name: string, fallback: string): string => {
  const text = query.get(name) || fallback;
  if (/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(text) && isTimeZone(text)) return text;
  return readName(text, name, ['UTC', ...Intl.supportedValuesOf('timeZone')]);
};

const isTimeZone = (text: string): boolean => {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: text }).resolvedOptions().timeZone !== '';
  } catch {
    // How Intl says that it does not know the zone.
    return false;
  }
};

const invalid = (name: string, found: string, expected: string): KaziError =>
  new KaziError('INVALID_REQUEST', {
    message: `Invalid value for ${name}: found "${found.slice(0, SHOWN_CHARACTERS)}", expected ${expected}.`,
  });
