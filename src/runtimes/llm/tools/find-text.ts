/** A stretch of a text: from its first character to after its last. */
export interface TextRange {
  readonly start: number;
  readonly end: number;
}

/** Places that are told apart; a text that is found more often is described by the first of them. */
export const MAX_MATCHES = 1000;

/** Longest text that is looked for loosely, and how many starts are tried: together they bound the comparisons. */
const MAX_LOOSE_LINES = 2000;
const MAX_LOOSE_STARTS = 1000;

/** Where a text occurs, overlapping places included, for these make it ambiguous as well. At most MAX_MATCHES. */
export const findMatches = (text: string, wanted: string): readonly number[] => {
  const found: number[] = [];
  for (let at = text.indexOf(wanted); at !== -1 && found.length < MAX_MATCHES; at = text.indexOf(wanted, at + 1)) {
    found.push(at);
  }
  return found;
};

/**
 * The first stretch of lines that equals the wanted ones apart from their white space, by the numbers of its lines from 0;
 * when there is none, the first line that equals the first wanted one. Null when there is not even that.
 */
export const findLooseMatch = (
  lines: readonly string[],
  wanted: readonly string[],
): (TextRange & { readonly isWhole: boolean }) | null => {
  const loose = lines.map(withoutSpace);
  const parts = wanted.map(withoutSpace);
  while (parts[0] === '') parts.shift();
  while (parts.at(-1) === '') parts.pop();
  const first = parts[0];
  if (first === undefined || parts.length > MAX_LOOSE_LINES) return null;
  let nearest: number | null = null;
  let startsLeft = MAX_LOOSE_STARTS;
  for (let start = loose.indexOf(first); start !== -1 && startsLeft > 0; start = loose.indexOf(first, start + 1)) {
    startsLeft -= 1;
    nearest ??= start;
    if (parts.every((part, index) => loose[start + index] === part)) {
      return { start, end: start + parts.length, isWhole: true };
    }
  }
  return nearest === null ? null : { start: nearest, end: nearest + parts.length, isWhole: false };
};

const withoutSpace = (line: string): string => line.replaceAll(/\s+/g, '');
