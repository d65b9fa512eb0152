import { isUtf8 } from 'node:buffer';
import { z } from 'zod';
import type { RuntimeFile, RuntimeSandbox } from '../../runtime.ts';
import { defineTool, failed } from '../define-tool.ts';
import type { Tool, ToolResult } from '../tool.ts';
import { explainMissing, explainNoFile, quoteName } from './explain-entry.ts';
import { findLooseMatch, findMatches, MAX_MATCHES } from './find-text.ts';
import { isBinary } from './media-type.ts';
import { numberLines, splitLines } from './number-lines.ts';
import { keepLineEnds, replaceRanges, type TextChange, withoutCarriageReturns } from './replace-ranges.ts';

const MAX_FILE_BYTES = 8 * 1024 * 1024;
const MAX_SHOWN_CHARACTERS = 8000;
const MAX_SHOWN_REGIONS = 5;
const CONTEXT_LINES = 3;

const input = z.strictObject({
  path: z.string().min(1).describe('File, relative to the workspace.'),
  old_text: z.string().min(1).describe('Text to replace, exactly as it is in the file, without line numbers.'),
  new_text: z.string().describe('Text to put in its place.'),
  replace_all: z.boolean().optional().describe('Replace every place; else old_text must be found only once.'),
});

/** Replaces text in files of the workspace. */
export const editTool: Tool = defineTool({
  name: 'edit',
  description:
    'Replaces text in a file of the workspace. old_text must match exactly, white space included, and only once (give more of the lines around it) unless replace_all is true. Shows the changed lines.',
  input,
  isRepeatable: false,
  run: async ({ path, old_text: oldText, new_text: newText, replace_all: replaceAll = false }, call) => {
    if (oldText === newText) return failed('old_text and new_text are the same: there is nothing to change.');
    const wanted = withoutCarriageReturns(oldText);
    if (wanted === withoutCarriageReturns(newText)) {
      return failed(
        'old_text and new_text differ in line ends only, which edit keeps as the file has them. Use bash for that.',
      );
    }
    const sandbox = await call.openSandbox();
    const entry = await sandbox.stat(path);
    if (entry === null) return await explainMissing(sandbox, path);
    if (entry.type !== 'file') return explainNoFile(entry);
    const original = await readText(sandbox, entry);
    if (typeof original !== 'string') return original;
    const text = withoutCarriageReturns(original);
    const matches = findMatches(text, wanted);
    if (matches.length === 0) return explainNotFound(entry.path, text, wanted);
    if (matches.length > 1 && !replaceAll) return explainAmbiguous(entry.path, text, matches);
    const change = replaceRanges(text, { wanted, replacement: withoutCarriageReturns(newText) });
    if (change === null)
      return failed(`This would change too much of ${quoteName(entry.path)} at once. Use bash (sed) for it.`);
    await sandbox.write(entry.path, keepLineEnds(original, change));
    return describeChange(entry.path, change);
  },
});

const readText = async (sandbox: RuntimeSandbox, entry: RuntimeFile): Promise<string | ToolResult> => {
  const name = quoteName(entry.path);
  if (entry.bytes > MAX_FILE_BYTES) {
    return failed(`${name} has ${entry.bytes} bytes; edit takes at most ${MAX_FILE_BYTES}. Use bash (sed) for it.`);
  }
  const bytes = await sandbox.read(entry.path);
  if (isBinary(bytes)) return failed(`${name} is not a text file. Use bash to change it.`);
  // Written back as UTF-8, other bytes would be lost.
  if (!isUtf8(bytes))
    return failed(`${name} is not UTF-8 text, so edit could damage it. Use bash (sed, iconv) for it.`);
  return bytes.toString('utf8');
};

const explainNotFound = (path: string, text: string, wanted: string): ToolResult => {
  const name = quoteName(path);
  if (text === '') return failed(`old_text was not found: ${name} is empty. Use write to fill it.`);
  const lines = splitLines(text);
  const loose = findLooseMatch(lines, splitLines(wanted));
  if (loose === null) return failed(`old_text was not found in ${name}. Read the file, and copy the text exactly.`);
  const shown = numberLines(lines.slice(loose.start, loose.end), {
    firstNumber: loose.start + 1,
    maxCharacters: MAX_SHOWN_CHARACTERS,
  });
  return failed(
    loose.isWhole
      ? `old_text was not found in ${name}: these lines differ from it in white space only. Copy them exactly:\n${shown.text}`
      : `old_text was not found in ${name}. Only its first line occurs there, with other lines after it:\n${shown.text}`,
  );
};

const explainAmbiguous = (path: string, text: string, matches: readonly number[]): ToolResult => {
  const count = matches.length === MAX_MATCHES ? `at least ${MAX_MATCHES}` : matches.length;
  const numbers = lineNumbersOf(text, matches.slice(0, 20)).join(', ');
  const more = matches.length > 20 ? ', …' : '';
  return failed(
    `old_text was found ${count} times in ${quoteName(path)}, at lines ${numbers}${more}. Give more of the lines around the one you mean, or set replace_all to true.`,
  );
};

/** Of ascending positions, so that the text is walked once. */
const lineNumbersOf = (text: string, positions: readonly number[]): readonly number[] => {
  let line = 1;
  let newline = text.indexOf('\n');
  return positions.map((position) => {
    while (newline !== -1 && newline < position) {
      line += 1;
      newline = text.indexOf('\n', newline + 1);
    }
    return line;
  });
};

const describeChange = (path: string, change: TextChange): ToolResult => {
  const lines = splitLines(change.text);
  const count = change.ranges.length;
  const regions = change.ranges.slice(0, MAX_SHOWN_REGIONS).map(({ start, end }) => {
    const [first = 1, last = 1] = lineNumbersOf(change.text, [start, end]);
    const from = Math.max(0, first - 1 - CONTEXT_LINES);
    const { text } = numberLines(lines.slice(from, last + CONTEXT_LINES), {
      firstNumber: from + 1,
      maxCharacters: MAX_SHOWN_CHARACTERS / Math.min(count, MAX_SHOWN_REGIONS),
    });
    return text === '' ? '(the file is empty now)' : text;
  });
  const hidden = count - regions.length;
  const notes = hidden > 0 ? [`[${hidden} more places are not shown]`] : [];
  const places = count === 1 ? '1 place' : `${count} places`;
  return {
    kind: 'done',
    content: `Changed ${places} in ${quoteName(path)}:\n${[...regions, ...notes].join('\n…\n')}`,
    isError: false,
    facts: { path, replacements: count },
  };
};
