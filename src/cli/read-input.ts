import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { text } from 'node:stream/consumers';
import { CommandFailure } from './exit-code.ts';
import type { SentFile } from './send-files.ts';

/** Jobs API, section 4: UTF-16 units, after trimming. */
const MAX_CHARACTERS = 20_000;

/** The input of `kazi run`: its argument, `-` for standard input, or the file of `--script`. Throws CommandFailure (usage). */
export const readInput = async (argument: string | undefined, scriptPath: string | undefined): Promise<string> => {
  if ((argument === undefined) === (scriptPath === undefined)) {
    const found = argument === undefined ? 'no input' : 'both an input and --script';
    throw new CommandFailure(
      'usage',
      `found ${found}, expected one of INPUT, "-" (standard input) or --script FILE; see "kazi run --help"`,
    );
  }
  const input =
    scriptPath === undefined
      ? argument === '-'
        ? await text(process.stdin)
        : (argument ?? '')
      : await readUserFile(scriptPath).then(String);
  const { length } = input.trim();
  if (length <= MAX_CHARACTERS) return input;
  throw new CommandFailure(
    'usage',
    `found an input of ${length} characters, expected at most ${MAX_CHARACTERS}; send its data with --file`,
  );
};

/** The files of `--file`, under their own names. Throws CommandFailure (usage). */
export const readFiles = async (paths: readonly string[]): Promise<readonly SentFile[]> => {
  const files = await Promise.all(
    paths.map(async (path) => ({ name: basename(path), content: await readUserFile(path) })),
  );
  const twice = files.find(({ name }, index) => files.findIndex((other) => other.name === name) < index);
  if (twice === undefined) return files;
  throw new CommandFailure('usage', `found two files named "${twice.name}", expected different names; rename one`);
};

const readUserFile = async (path: string): Promise<Buffer> => {
  try {
    return await readFile(path);
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unreadable';
    throw new CommandFailure(
      'usage',
      `the file "${path}" cannot be read (${reason}), expected a file of yours; check the path`,
      { cause },
    );
  }
};
