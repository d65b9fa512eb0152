/** A text of which perhaps only the two ends are at hand. */
export interface LongText {
  /** Begins as the text does. */
  readonly start: string;
  /** Ends as the text does. */
  readonly end: string;
  readonly characters: number;
  /** Line ends in all of it. */
  readonly newlines: number;
}

/** A text that is at hand from its first to its last character. */
export const wholeText = (text: string): LongText => ({
  start: text,
  end: text,
  characters: text.length,
  newlines: countNewlines(text),
});

export const countNewlines = (text: string): number => {
  let count = 0;
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) count += 1;
  return count;
};

/**
 * The whole text when it is short enough; else its head and tail, cut between lines where these are not too long, around
 * what `describe` says of the middle (it is given such as `1,200 lines (56,789 characters)`). The note is not counted.
 */
export const truncateMiddle = (
  text: LongText,
  options: { readonly maxCharacters: number; readonly describe: (omitted: string) => string },
): string => {
  const { maxCharacters, describe } = options;
  if (text.characters <= maxCharacters) return text.start;
  const budget = Math.floor(maxCharacters / 2);
  const head = cutHead(text.start, budget);
  const tail = cutTail(text.end, budget);
  const lines = text.newlines - countNewlines(head) - countNewlines(tail);
  const omitted = `${formatCount(text.characters - head.length - tail.length)} characters`;
  const note = describe(lines > 0 ? `${formatCount(lines)} lines (${omitted})` : omitted);
  return `${head}${head.endsWith('\n') ? '' : '\n'}${note}\n${tail}`;
};

const formatCount = (count: number): string => count.toLocaleString('en-US');

const cutHead = (text: string, budget: number): string => {
  const cut = text.slice(0, budget);
  const lineEnd = cut.lastIndexOf('\n');
  // A line that takes more than half of the room is cut itself, between characters.
  return lineEnd >= budget / 2 ? cut.slice(0, lineEnd + 1) : cut.replace(/[\uD800-\uDBFF]$/, '');
};

const cutTail = (text: string, budget: number): string => {
  const cut = text.slice(-budget);
  const lineEnd = cut.indexOf('\n');
  return lineEnd !== -1 && lineEnd < budget / 2 ? cut.slice(lineEnd + 1) : cut.replace(/^[\uDC00-\uDFFF]/, '');
};
