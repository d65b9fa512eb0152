import { CommanderError } from 'commander';
import { exitCodeOf } from './exit-code.ts';
import { buildProgram } from './program.ts';

/**
 * Entry of `bin/kazi`. A command resolves to its exit code; whatever it throws becomes one message on stderr. The process
 * is ended then, so that a handle which somebody forgot cannot keep a terminal waiting.
 */
const main = async (): Promise<number> => {
  let exitCode = 0;
  try {
    const program = buildProgram((code) => {
      exitCode = code;
    });
    await program.parseAsync(process.argv);
    return exitCode;
  } catch (error) {
    // Commander has printed its message; 0 is --help and --version.
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    process.stderr.write(`kazi: ${error instanceof Error ? error.message : String(error)}\n`);
    return exitCodeOf(error);
  }
};

// `kazi jobs list | head`: the reader has gone, which is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1));
process.exit(await main());
