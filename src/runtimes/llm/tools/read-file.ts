import { z } from 'zod';
import type { RuntimeFile, RuntimeSandbox } from '../../runtime.ts';
import { defineTool, failed } from '../define-tool.ts';
import type { Tool, ToolCallContext, ToolResult } from '../tool.ts';
import { explainMissing, explainNoFile, quoteName } from './explain-entry.ts';
import { isBinary, mediaTypeOf } from './media-type.ts';
import { numberLines, splitLines } from './number-lines.ts';
import { type FileWindow, readBigFileWindow } from './read-big-file.ts';

const DEFAULT_LINES = 2000;
const MAX_LINES = 10_000;
const MAX_CHARACTERS = 36_000;
const MAX_ATTACHED_BYTES = 5 * 1024 * 1024;
/** Larger files are cut to the asked lines in the sandbox, so that they never come into this process whole. */
const MAX_WHOLE_BYTES = 8 * 1024 * 1024;

const input = z.strictObject({
  path: z.string().min(1).describe('File, relative to the workspace.'),
  offset: z.number().int().min(1).max(1e9).optional().describe('Line to begin at, from 1.'),
  limit: z.number().int().min(1).max(MAX_LINES).optional().describe(`Lines to give; ${DEFAULT_LINES} when left out.`),
});

/** Shows files of the workspace to the model. */
export const readTool: Tool = defineTool({
  name: 'read',
  description:
    'Reads a file of the workspace. Text comes with line numbers (number, tab, line), which are not part of the file; images and PDF files are shown when you can see them. Read long files in parts, with offset and limit.',
  input,
  isRepeatable: true,
  run: async ({ path, offset = 1, limit = DEFAULT_LINES }, call) => {
    const sandbox = await call.openSandbox();
    const entry = await sandbox.stat(path);
    if (entry === null) return await explainMissing(sandbox, path);
    if (entry.type !== 'file') return explainNoFile(entry);
    if (entry.bytes > MAX_WHOLE_BYTES) {
      const window = await readBigFileWindow({ sandbox, entry, offset, limit, signal: call.signal });
      return 'isBinary' in window ? explainBinary(entry, null, call) : describeText(entry, window);
    }
    return showBytes({ entry, bytes: await readBytes(sandbox, entry), offset, limit, call });
  },
});

/** A file that grew past the limit since it was looked at is refused by the sandbox, in words. */
const readBytes = (sandbox: RuntimeSandbox, entry: RuntimeFile): Promise<Buffer> =>
  sandbox.read(entry.path, { maxBytes: 2 * MAX_WHOLE_BYTES });

const showBytes = (file: {
  readonly entry: RuntimeFile;
  readonly bytes: Buffer;
  readonly offset: number;
  readonly limit: number;
  readonly call: ToolCallContext;
}): ToolResult => {
  const { entry, bytes, offset, limit, call } = file;
  if (isBinary(bytes)) return explainBinary(entry, bytes, call);
  const text = bytes.toString('utf8').replace(/^\uFEFF/, '');
  const lines = splitLines(text);
  return describeText(entry, {
    firstNumber: offset,
    lines: lines.slice(offset - 1, offset - 1 + limit),
    totalLines: lines.length,
    hasMore: lines.length > offset - 1 + limit,
  });
};

const describeText = (entry: RuntimeFile, window: FileWindow): ToolResult => {
  const { firstNumber, totalLines } = window;
  const name = quoteName(entry.path);
  const facts = { path: entry.path, bytes: entry.bytes };
  if (totalLines === 0)
    return { kind: 'done', content: `${name} is empty (${entry.bytes} bytes).`, isError: false, facts };
  if (window.lines.length === 0) {
    return failed(
      `${name} ${totalLines === null ? 'ends before' : `has ${totalLines} lines, so there is no`} line ${firstNumber}.`,
    );
  }
  const { text, count } = numberLines(window.lines, { firstNumber, maxCharacters: MAX_CHARACTERS });
  const last = firstNumber + count - 1;
  const hasMore = window.hasMore || count < window.lines.length;
  const of = totalLines === null ? '' : ` of ${totalLines}`;
  const notes = [
    hasMore ? `[Lines ${firstNumber} to ${last}${of}. Go on with offset ${last + 1}.]` : '',
    text.includes('\uFFFD') ? '[Some of it is not UTF-8 text and is shown as \uFFFD.]' : '',
  ].filter((note) => note !== '');
  return { kind: 'done', content: [text, ...notes].join('\n'), isError: false, facts: { ...facts, lines: count } };
};

/** `bytes` is null when the file is too big to be taken whole. */
const explainBinary = (entry: RuntimeFile, bytes: Buffer | null, call: ToolCallContext): ToolResult => {
  const mediaType = mediaTypeOf(entry.path, bytes ?? Buffer.alloc(0));
  const what = `${quoteName(entry.path)} (${mediaType ?? 'binary'}, ${entry.bytes} bytes)`;
  const isAccepted = mediaType !== null && call.modelAccepts(mediaType);
  if (isAccepted && bytes !== null && bytes.length <= MAX_ATTACHED_BYTES) {
    return {
      kind: 'done',
      content: [
        { type: 'text', text: what },
        { type: 'file', mediaType, data: bytes.toString('base64') },
      ],
      isError: false,
      facts: { path: entry.path, bytes: bytes.length, media_type: mediaType },
    };
  }
  const reason = isAccepted
    ? `is too large to be shown: at most ${MAX_ATTACHED_BYTES} bytes. Make a smaller copy with bash.`
    : `is not text, and this model cannot be shown ${mediaType ?? 'it'}. Use bash for it, such as file, xxd, unzip -l or pdftotext.`;
  return failed(`${what} ${reason}`);
};
