import { CommanderError } from 'commander';
import { exitCodeOf } from './exit-code.ts';
import { buildProgram } from './program.ts';

/**
 * Runs what `bin/kazi` was called with (as process.argv is) and gives its exit code. Whatever a command throws becomes one
 * message on stderr.
 */
export const runCommandLine = async (argv: readonly string[]): Promise<number> => {
  let exitCode = 0;
  try {
    const program = buildProgram((code) => {
      exitCode = code;
    });
    await program.parseAsync(argv);
    return exitCode;
  } catch (error) {
    // Commander has printed its message; 0 is --help and --version.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    process.stderr.write(`kazi: ${error instanceof Error ? error.message : String(error)}\n`);
    return exitCodeOf(error);
  }
};
