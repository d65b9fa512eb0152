import type { TextRange } from './find-text.ts';

/** A text in which some stretches were replaced. */
export interface TextChange {
  readonly text: string;
  /** Where the replacements are in it, in order. */
  readonly ranges: readonly TextRange[];
  /** Where what they replaced was in the text before. */
  readonly replaced: readonly TextRange[];
}

export const withoutCarriageReturns = (text: string): string => text.replaceAll('\r\n', '\n');

/** Far above what a model means to change by one call; more would take memory without end. */
const MAX_REPLACEMENTS = 100_000;
const MAX_CHARACTERS = 32 * 1024 * 1024;

/**
 * Replaces every place of a text, from the first on, places that overlap an earlier one left out. Null when there are too
 * many of them, or the text would grow too long.
 */
export const replaceRanges = (
  before: string,
  { wanted, replacement }: { readonly wanted: string; readonly replacement: string },
): TextChange | null => {
  const replaced: TextRange[] = [];
  for (
    let at = before.indexOf(wanted);
    at !== -1 && replaced.length <= MAX_REPLACEMENTS;
    at = before.indexOf(wanted, at + wanted.length)
  ) {
    replaced.push({ start: at, end: at + wanted.length });
  }
  const growth = replacement.length - wanted.length;
  if (replaced.length > MAX_REPLACEMENTS || before.length + replaced.length * growth > MAX_CHARACTERS) return null;
  const ranges = replaced.map(({ start }, index) => ({
    start: start + index * growth,
    end: start + index * growth + replacement.length,
  }));
  return { text: before.split(wanted).join(replacement), ranges, replaced };
};

/**
 * The changed text with the line ends of the original, out of which `change` was made without its carriage returns: what
 * was not replaced stays byte for byte, and what was put in ends its lines as most lines of the original do.
 */
export const keepLineEnds = (original: string, change: TextChange): string => {
  const carriageReturns = positionsOfCarriageReturns(original);
  if (carriageReturns.length === 0) return change.text;
  const newlines = original.split('\n').length - 1;
  const prefersReturns = carriageReturns.length * 2 >= newlines;
  const parts: string[] = [];
  let at = 0;
  let passed = 0;
  const toOriginal = (position: number): number => {
    // The n-th carriage return stands, in the text without them, n places further to the left.
    while (passed < carriageReturns.length && (carriageReturns[passed] ?? 0) - passed < position) passed += 1;
    return position + passed;
  };
  for (const [index, { start, end }] of change.replaced.entries()) {
    const range = change.ranges[index];
    const replacement = range === undefined ? '' : change.text.slice(range.start, range.end);
    parts.push(
      original.slice(at, toOriginal(start)),
      prefersReturns ? replacement.replaceAll('\n', '\r\n') : replacement,
    );
    at = toOriginal(end);
  }
  return parts.join('') + original.slice(at);
};

/** Of those that are part of a line end. */
const positionsOfCarriageReturns = (text: string): readonly number[] => {
  const found: number[] = [];
  for (let at = text.indexOf('\r\n'); at !== -1; at = text.indexOf('\r\n', at + 2)) found.push(at);
  return found;
};
