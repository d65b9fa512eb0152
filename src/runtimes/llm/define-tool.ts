import { z } from 'zod';
import { isKaziError } from '../../core/errors.ts';
import { TOOL_RESULT_CHARACTERS, type Tool, type ToolCallContext, type ToolContent, type ToolResult } from './tool.ts';
import { truncateMiddle, wholeText } from './tools/truncate-middle.ts';

interface ToolDefinition<Input> {
  readonly name: string;
  readonly description: string;
  readonly input: z.ZodType<Input>;
  readonly isRepeatable: boolean;
  /** May throw what the sandbox throws for paths and files: the model is told of it. */
  readonly run: (input: Input, call: ToolCallContext) => Promise<ToolResult>;
}

/**
 * A tool whose input is described by a zod object. Input that does not fit, refused paths and faults of files are told to
 * the model; texts beyond TOOL_RESULT_CHARACTERS lose their middle. Rejects before it runs when the call was aborted.
 */
export const defineTool = <Input>(definition: ToolDefinition<Input>): Tool => ({
  name: definition.name,
  description: definition.description,
  inputSchema: describeInput(definition.input),
  isRepeatable: definition.isRepeatable,
  run: async (input, call) => {
    call.signal.throwIfAborted();
    const parsed = parseInput(definition.input, input);
    if (!parsed.success) {
      return failed(`The input of ${definition.name} does not fit its schema:\n${z.prettifyError(parsed.error)}`);
    }
    try {
      return boundResult(await definition.run(parsed.data, call));
    } catch (error) {
      call.signal.throwIfAborted();
      const message = explainToModel(error);
      if (message === null) throw error;
      return failed(message);
    }
  },
});

/** A result that tells the model what went wrong and what to do about it. */
export const failed = (message: string, facts?: Readonly<Record<string, unknown>>): ToolResult => ({
  kind: 'done',
  content: message,
  isError: true,
  ...(facts === undefined ? {} : { facts }),
});

/** What a model is told of an error: refused paths, bad input, faults of files. Null for what it has no part in. */
export const explainToModel = (error: unknown): string | null => {
  if (isKaziError(error, 'SANDBOX_PATH_REFUSED')) {
    return `${error.message} Links and special files are refused as well: name the real file, or use bash for it.`;
  }
  if (isKaziError(error, 'INVALID_REQUEST')) return error.message;
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return null;
  return FILE_FAULTS[error.code] ?? null;
};

/** `$schema` says nothing to a provider, and some refuse it. */
const describeInput = (input: z.ZodType): Tool['inputSchema'] =>
  Object.fromEntries(Object.entries(z.toJSONSchema(input, { io: 'input' })).filter(([key]) => key !== '$schema'));

/** Models write null for what they leave out; it is taken so where null itself does not fit. */
const parseInput = <Input>(schema: z.ZodType<Input>, input: unknown): z.ZodSafeParseResult<Input> => {
  const parsed = schema.safeParse(input);
  if (parsed.success || typeof input !== 'object' || input === null || Array.isArray(input)) return parsed;
  const given = Object.entries(input).filter(([, value]) => value !== null);
  return given.length === Object.keys(input).length ? parsed : schema.safeParse(Object.fromEntries(given));
};

const boundResult = (result: ToolResult): ToolResult => {
  if (result.kind === 'waiting') return result;
  const { content } = result;
  return { ...result, content: typeof content === 'string' ? boundText(content) : content.map(boundPart) };
};

const boundPart = (part: ToolContent): ToolContent =>
  part.type === 'text' ? { ...part, text: boundText(part.text) } : part;

const boundText = (text: string): string =>
  truncateMiddle(wholeText(text), {
    maxCharacters: TOOL_RESULT_CHARACTERS,
    describe: (omitted) => `[${omitted} left out here: the result is too long]`,
  }).toWellFormed();

/** System errors that tell of the files in the workspace rather than of a defect. */
const FILE_FAULTS: Readonly<Record<string, string>> = {
  ENOENT: 'There is no such file or folder in the workspace (any more).',
  ENOTDIR: 'A part of the path is a file, where a folder was expected.',
  EISDIR: 'The path names a folder, where a file was expected.',
  EACCES: 'The permissions of the file or folder do not allow this. Change them with bash (chmod), then try again.',
  EPERM: 'The permissions of the file or folder do not allow this. Change them with bash (chmod), then try again.',
  ENAMETOOLONG: 'The path is too long.',
  ENOSPC: 'The disk is full. Remove files that are not needed, then try again.',
  EDQUOT: 'The disk is full. Remove files that are not needed, then try again.',
};
