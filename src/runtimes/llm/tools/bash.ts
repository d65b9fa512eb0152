import { z } from 'zod';
import { isKaziError } from '../../../core/errors.ts';
import type { RuntimeCommandResult, RuntimeSandbox } from '../../runtime.ts';
import { defineTool } from '../define-tool.ts';
import type { Tool, ToolResult } from '../tool.ts';
import { OutputRecord } from './output-record.ts';
import { truncateMiddle } from './truncate-middle.ts';

const DEFAULT_TIMEOUT_SECONDS = 120;
const MAX_TIMEOUT_SECONDS = 600;
const MAX_CHARACTERS = 30_000;
/** As much as a sandbox lets one command print by default. */
const MAX_KEPT_BYTES = 16 * 1024 * 1024;
/** Below the folder that is never published; see src/workspaces/scan.ts. */
const OUTPUT_FOLDER = '.kazi/output';

const input = z.strictObject({
  command: z.string().min(1).describe('The bash script to run; several lines are fine.'),
  timeout_seconds: z
    .number()
    .min(1)
    .max(MAX_TIMEOUT_SECONDS)
    .optional()
    .describe(`Seconds after which the command is ended; ${DEFAULT_TIMEOUT_SECONDS} when left out.`),
});

/** Runs commands in the job's sandbox. */
export const bashTool: Tool = defineTool({
  name: 'bash',
  description: [
    'Runs a bash script in the sandbox, in the workspace folder, and gives its output (stdout and stderr together) and its exit code when that is not 0.',
    'Files stay from one call to the next; the current folder, variables and processes do not. Processes left in the background are ended with the command, so start a server and use it in one command.',
    'Nothing can be typed in: pass flags such as --yes. Long output is cut in the middle and kept whole in a file that the result names.',
    'To read, write, edit, list or search files, prefer the tools made for it.',
  ].join(' '),
  input,
  isRepeatable: false,
  run: async ({ command, timeout_seconds: timeoutSeconds = DEFAULT_TIMEOUT_SECONDS }, call) => {
    const sandbox = await call.openSandbox();
    const record = new OutputRecord(MAX_KEPT_BYTES);
    const result = await sandbox.run({
      script: command,
      timeoutMs: timeoutSeconds * 1000,
      signal: call.signal,
      onOutput: (chunk) => {
        record.add(chunk.text);
        call.emitOutput(chunk);
      },
    });
    if (result.aborted) call.signal.throwIfAborted();
    return await describeResult({ command, result, record, sandbox, ordinal: call.ordinal });
  },
});

interface Ended {
  readonly command: string;
  readonly result: RuntimeCommandResult;
  readonly record: OutputRecord;
  readonly sandbox: RuntimeSandbox;
  readonly ordinal: number;
}

const describeResult = async ({ command, result, record, sandbox, ordinal }: Ended): Promise<ToolResult> => {
  const text = record.toLongText();
  const isLong = text.characters > MAX_CHARACTERS;
  const kept = isLong ? await keepOutput(sandbox, ordinal, record) : null;
  const output = truncateMiddle(text, {
    maxCharacters: MAX_CHARACTERS,
    describe: (omitted) => `[${omitted} left out here. ${kept?.sentence ?? ''}]`,
  });
  const parts = [
    output.trim() === '' ? '(no output)' : output.replace(/\n$/, ''),
    describeEnd(result),
    result.exitCode !== null && leavesProcesses(command)
      ? 'Processes that the command left in the background were ended with it.'
      : '',
  ];
  return {
    kind: 'done',
    content: parts.filter((part) => part !== '').join('\n\n'),
    isError: result.exitCode !== 0,
    facts: {
      exit_code: result.exitCode,
      ...(result.timedOut ? { timed_out: true } : {}),
      ...(result.limit === null ? {} : { limit: result.limit }),
      ...(kept?.path === undefined ? {} : { output_path: kept.path }),
    },
  };
};

const keepOutput = async (
  sandbox: RuntimeSandbox,
  ordinal: number,
  record: OutputRecord,
): Promise<{ readonly path?: string; readonly sentence: string }> => {
  const path = `${OUTPUT_FOLDER}/${ordinal}.txt`;
  try {
    await sandbox.write(path, record.kept);
  } catch (error) {
    // The agent may have put anything in the way: a link, a file, a full disk. The command has run all the same.
    if (isKaziError(error, 'SANDBOX_UNAVAILABLE')) throw error;
    return { sentence: `The whole output could not be kept in ${path}: is something else there?` };
  }
  const sentence = record.isWhole
    ? `The whole output is in ${path}`
    : `The first ${MAX_KEPT_BYTES / 1024 / 1024} MiB of the output are in ${path}`;
  return { path, sentence: `${sentence}: use read with offset, or search.` };
};

const LIMITS: Readonly<Record<string, string>> = {
  cpu: 'it used up the processor time that one command may take. Do less in one command.',
  memory: 'it took more memory than the sandbox has. Work on less at a time.',
  file: 'it wrote a file larger than the sandbox allows.',
  workspace: 'the workspace is full. Remove what is not needed (rm), then go on.',
  output: 'it printed more than the sandbox allows. Write the output to a file and look at parts of it.',
};

/** Empty when the command ended well. */
const describeEnd = (result: RuntimeCommandResult): string => {
  if (result.timedOut || result.limit === 'wall') return describeTimeout(Math.round(result.durationMs / 1000));
  if (result.limit !== null) {
    return `The command was ended: ${LIMITS[result.limit] ?? `it reached the sandbox's ${result.limit} limit.`}`;
  }
  if (result.exitCode === null) return `The command was ended by signal ${result.signal ?? 'unknown'}.`;
  return result.exitCode === 0 ? '' : `Exit code: ${result.exitCode}`;
};

const describeTimeout = (seconds: number): string =>
  seconds < MAX_TIMEOUT_SECONDS
    ? `The command was ended after ${seconds} s, for it had not finished. Give timeout_seconds (at most ${MAX_TIMEOUT_SECONDS}) to let it run longer.`
    : `The command was ended after ${seconds} s, the longest that one command may run. Split the work into shorter commands.`;

/** True when a command looks as if it left something running. A wrong guess only costs a sentence. */
const leavesProcesses = (command: string): boolean =>
  /(?:^|[^&|>\\])&[ \t]*(?:$|\n|\))|\b(?:nohup|setsid|disown)\b/.test(command) && !/\bwait\b/.test(command);
