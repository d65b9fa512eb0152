/**
 * A process that runs command lines of kazi one after the other, as `bin/kazi` would each in one of its own. Told by IPC what
 * to run, it answers with what was written and the exit code.
 */
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { runCommandLine } from '../../src/cli/run-command-line.ts';
import type { CallResult, CommandLine } from './kazi-process.ts';

const capture = (name: 'stdout' | 'stderr'): PassThrough => {
  const stream = new PassThrough();
  Object.defineProperty(process, name, { value: stream, configurable: true });
  return stream;
};

const run = async ({ argv, cwd, env }: CommandLine): Promise<CallResult> => {
  process.chdir(cwd);
  process.env = { ...env };
  const streams = { stdout: capture('stdout'), stderr: capture('stderr') };
  const written = Promise.all([text(streams.stdout), text(streams.stderr)]);
  const code = await runCommandLine([process.execPath, 'kazi', ...argv]);
  for (const stream of Object.values(streams)) stream.end();
  const [stdout, stderr] = await written;
  return { code, stdout, stderr };
};

process.on('message', (line: CommandLine) => void run(line).then((result) => process.send?.(result)));
process.once('disconnect', () => process.exit(0));
