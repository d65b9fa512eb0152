/** Characters of one line that are shown. */
const MAX_LINE_CHARACTERS = 2000;

/** Lines with their numbers before them; as many as fit into the room, but at least one. */
export const numberLines = (
  lines: readonly string[],
  options: { readonly firstNumber: number; readonly maxCharacters: number },
): { readonly text: string; readonly count: number } => {
  const width = String(options.firstNumber + lines.length - 1).length;
  const shown: string[] = [];
  let room = options.maxCharacters;
  for (const [index, line] of lines.entries()) {
    const numbered = `${String(options.firstNumber + index).padStart(width)}\t${cutLine(line)}`;
    room -= numbered.length + 1;
    if (room < 0 && index > 0) break;
    shown.push(numbered);
  }
  return { text: shown.join('\n'), count: shown.length };
};

/** The lines of a text without their ends. A last line without an end counts; nothing after the last end does not. */
export const splitLines = (text: string): readonly string[] => {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines.map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
};

/** A line that is not too long to be shown, marked where it was cut. */
const cutLine = (line: string, maxCharacters = MAX_LINE_CHARACTERS): string =>
  line.length <= maxCharacters
    ? line
    : `${line.slice(0, maxCharacters).replace(/[\uD800-\uDBFF]$/, '')}… [line cut: it has ${line.length} characters]`;
