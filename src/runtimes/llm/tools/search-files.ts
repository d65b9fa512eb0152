import { z } from 'zod';
import type { RuntimeCommandResult } from '../../runtime.ts';
import { defineTool, failed } from '../define-tool.ts';
import type { Tool } from '../tool.ts';
import { explainMissing, explainNoFile, quoteName } from './explain-entry.ts';
import { SearchResults } from './search-results.ts';
import { BAD_PATTERN_EXIT_CODE, buildSearchScript, SKIPPED_FOLDERS } from './search-script.ts';

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;
const MAX_CONTEXT_LINES = 20;
const MAX_CHARACTERS = 36_000;
const MAX_NOTE_CHARACTERS = 400;
const TIMEOUT_MS = 30_000;

const input = z.strictObject({
  pattern: z.string().min(1).describe('Regular expression (Perl style), matched line by line.'),
  path: z.string().min(1).optional().describe('Folder or file to search; the whole workspace when left out.'),
  glob: z
    .string()
    .min(1)
    .optional()
    .describe('Only files that match: *.ts at any depth, src/**/*.ts from path on, {a,b}, ! for all others.'),
  ignore_case: z.boolean().optional().describe('Take a and A for the same.'),
  context_lines: z.number().int().min(0).max(MAX_CONTEXT_LINES).optional().describe('Lines to show around each match.'),
  limit: z.number().int().min(1).max(MAX_LIMIT).optional().describe(`Matches to give; ${DEFAULT_LIMIT} when left out.`),
});

/** Searches the contents of files in the workspace. */
export const searchTool: Tool = defineTool({
  name: 'search',
  description: `Searches the text files of the workspace for a regular expression. Gives path:line: text for each match (path-line- text for lines around it). Binary files, links and the folders ${SKIPPED_FOLDERS.join(', ')} are skipped, unless path names such a folder. To find files by name use list, or bash with find.`,
  input,
  isRepeatable: true,
  run: async (asked, call) => {
    if (/[\n\0]/.test(asked.pattern)) {
      return failed(
        'The pattern holds a line end or NUL: lines are matched one by one. Search for a part of one line.',
      );
    }
    if (asked.glob?.includes('\0') === true) return failed('The glob holds a NUL. Leave it out.');
    const sandbox = await call.openSandbox();
    const path = asked.path ?? '.';
    const entry = await sandbox.stat(path);
    if (entry === null) return await explainMissing(sandbox, path);
    if (entry.type !== 'file' && entry.type !== 'directory') return explainNoFile(entry);
    const { context_lines: contextLines = 0, limit = DEFAULT_LIMIT } = asked;
    const results = new SearchResults({ limit, maxCharacters: MAX_CHARACTERS, hasContext: contextLines > 0 });
    const full = new AbortController();
    const command = await sandbox.run({
      script: buildSearchScript({
        pattern: asked.pattern,
        entry,
        glob: asked.glob ?? null,
        ignoreCase: asked.ignore_case ?? false,
        contextLines,
      }),
      timeoutMs: TIMEOUT_MS,
      signal: AbortSignal.any([call.signal, full.signal]),
      onOutput: ({ stream, text }) => {
        if (stream === 'stdout') results.add(text);
        // What there is to show is here: whatever else the search would find is not waited for.
        if (results.isFull) full.abort();
      },
    });
    call.signal.throwIfAborted();
    if (command.exitCode === BAD_PATTERN_EXIT_CODE) {
      return failed(`The pattern "${asked.pattern}" is no valid regular expression: ${noteOf(command)}`);
    }
    return describeResults({ results, command, pattern: asked.pattern, path: entry.path });
  },
});

const describeResults = (found: {
  readonly results: SearchResults;
  readonly command: RuntimeCommandResult;
  readonly pattern: string;
  readonly path: string;
}): ReturnType<typeof failed> => {
  const { results, command, pattern, path } = found;
  const place = path === '' ? 'the workspace' : quoteName(path);
  const isCutShort = !results.isFull && command.exitCode === null;
  const note = noteOf(command);
  const parts = [
    results.matches === 0 && !isCutShort ? `No match for ${JSON.stringify(pattern)} in ${place}.` : results.text,
    results.isFull
      ? `[The first ${results.matches} matches. There are more: narrow the search by path, glob or pattern.]`
      : '',
    isCutShort ? describeCut(command, results) : '',
    note === '' ? '' : `[Not everything could be searched: ${note}]`,
  ];
  return {
    kind: 'done',
    content: parts.filter((part) => part !== '').join('\n'),
    isError: isCutShort && results.matches === 0,
    facts: { matches: results.matches, files: results.files, is_complete: !results.isFull && !isCutShort },
  };
};

const describeCut = (command: RuntimeCommandResult, results: SearchResults): string => {
  const reason = command.timedOut
    ? `after ${Math.round(command.durationMs / 1000)} s`
    : `at the sandbox's limit (${command.limit ?? command.signal ?? 'unknown'})`;
  const soFar = results.matches === 0 ? 'without a match so far' : 'with the matches above';
  return `[The search was ended ${reason}, ${soFar}. Narrow it by path or glob, or use a simpler pattern.]`;
};

const noteOf = (command: RuntimeCommandResult): string =>
  command.stderr.trim().split('\n').slice(0, 3).join('; ').slice(0, MAX_NOTE_CHARACTERS);
