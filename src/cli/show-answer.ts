import type { ClientOptions } from './connection.ts';
import { EXIT_CODES } from './exit-code.ts';
import { writeJson } from './table.ts';
import { type Output, outputOf } from './terminal.ts';

/** Options of a command that asks a server and shows what it says. */
export interface AnswerOptions extends ClientOptions {
  readonly json?: boolean;
}

/** Prints the answer itself with --json, else what `write` makes of it. */
export const showAnswer = <Answer>(options: AnswerOptions, answer: Answer, write: (output: Output) => void): number => {
  const output = outputOf(process.stdout);
  if (options.json === true) writeJson(output, answer);
  else write(output);
  return EXIT_CODES.ok;
};
