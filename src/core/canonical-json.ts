/**
 * One spelling for one value: keys sorted by code point, no spaces, everything beyond ASCII escaped. What JSON does not know
 * (undefined, functions) is left out of objects and null in lists, as JSON.stringify has it.
 */
export const canonicalJson = (value: unknown): string =>
  spell(value).replaceAll(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);

const spell = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(spell).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'null';
  // By hand: an object of JavaScript would put keys that look like numbers first.
  const entries = Object.entries(value)
    .filter(([, inner]) => inner !== undefined)
    .toSorted(([one], [other]) => (one === other ? 0 : isBefore(one, other) ? -1 : 1));
  return `{${entries.map(([key, inner]) => `${JSON.stringify(key)}:${spell(inner)}`).join(',')}}`;
};

/** By code point; UTF-16, which `<` compares, has those above U+FFFF before U+E000. */
const isBefore = (one: string, other: string): boolean =>
  SURROGATE.test(one) || SURROGATE.test(other) ? Buffer.compare(Buffer.from(one), Buffer.from(other)) < 0 : one < other;

const SURROGATE = /[\ud800-\udfff]/;
