/**
 * JSON text that PostgreSQL's jsonb takes: it refuses U+0000 and lone surrogates, which JavaScript strings may hold.
 * Both become U+FFFD, as in every decoder of UTF-8.
 */
export const toDatabaseJson = (value: unknown): string => {
  const text = JSON.stringify(value);
  return REFUSED.test(text) ? JSON.stringify(value, (_key, item: unknown) => clean(item)) : text;
};

/** The same for a plain text value. */
export const toDatabaseText = (text: string): string => text.toWellFormed().replaceAll('\u0000', '\uFFFD');

/** May also match an escaped backslash before "u0000": then the slow path runs once for nothing. */
const REFUSED = /\\u(?:0000|d[89a-f])/i;

const clean = (item: unknown): unknown => {
  if (typeof item === 'string') return toDatabaseText(item);
  if (item === null || typeof item !== 'object' || Array.isArray(item)) return item;
  return Object.fromEntries(Object.entries(item).map(([key, inner]) => [toDatabaseText(key), inner]));
};
