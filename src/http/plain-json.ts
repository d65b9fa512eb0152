/** Deeper than anything a person writes; recursive readers of JSON still have room to spare. */
const MAX_DEPTH = 64;

/**
 * What keeps a parsed JSON value from being stored as it is: nesting that is too deep, or text with NUL or half of a
 * surrogate pair, which PostgreSQL does not take. Null when nothing does. Works without recursion, whatever it is given.
 */
export const findJsonFault = (value: unknown): string | null => {
  const rest: { readonly item: unknown; readonly depth: number }[] = [{ item: value, depth: 1 }];
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    const { item, depth } = next;
    if (typeof item === 'string' && !isStorable(item)) return TEXT_FAULT;
    if (typeof item !== 'object' || item === null) continue;
    if (depth > MAX_DEPTH) return `found more than ${MAX_DEPTH} levels of nesting, expected fewer`;
    for (const [key, inner] of Object.entries(item)) {
      if (!isStorable(key)) return TEXT_FAULT;
      rest.push({ item: inner, depth: depth + 1 });
    }
  }
  return null;
};

const TEXT_FAULT = 'found text with a NUL character or half of a surrogate pair, expected text without';

const isStorable = (text: string): boolean => text.isWellFormed() && !text.includes('\0');
