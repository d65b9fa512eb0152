import { KaziError } from '../core/errors.ts';

export interface CountRule {
  readonly name: string;
  readonly fallback: number;
  readonly min: number;
  readonly max: number;
}

/** Text out of the query string that can be looked up; null when absent or empty. Throws INVALID_REQUEST for NUL, which nothing stored holds. */
export const readText = (query: URLSearchParams, name: string): string | null => {
  const text = query.get(name) || null;
  if (text?.includes('\0')) {
    throw new KaziError('INVALID_REQUEST', {
      message: `Invalid value for ${name}: found a NUL character, expected text without it.`,
    });
  }
  return text;
};

/** A whole number out of the query string. Throws INVALID_REQUEST for anything else, and for one out of bounds. */
export const readCount = (query: URLSearchParams, { name, fallback, min, max }: CountRule): number => {
  const text = query.get(name);
  if (text === null || text === '') return fallback;
  const count = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (count >= min && count <= max) return count;
  const message = `Invalid value for ${name}: found "${text.slice(0, 80)}", expected a whole number from ${min} to ${max}.`;
  throw new KaziError('INVALID_REQUEST', { message });
};
