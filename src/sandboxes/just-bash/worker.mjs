// @ts-check
/**
 * Entry of the child process: takes one command by IPC, runs it in the emulated shell, writes its output and leaves with its
 * exit code. It never starts a program; the workspace is the only real folder that its shell can see.
 *
 * Plain JavaScript, because each command starts it anew: to take the types out of one file costs Node more time (110 ms) than
 * its own start.
 *
 * @import { WorkerRequest } from './worker-request.ts'
 */

/** @param {WorkerRequest} request */
const runCommand = async (request) => {
  /** @type {typeof import('just-bash')} By its resolved address: a lookup would read folders that this process may not. */
  const { Bash, InMemoryFs, MountableFs, ReadWriteFs } = await import(request.shellUrl);
  const fs = new MountableFs({ base: new InMemoryFs() });
  await fs.mkdir('/tmp', { recursive: true });
  fs.mount(request.workspacePath, new ReadWriteFs({ root: request.workspaceDir, maxFileReadSize: request.fileBytes }));
  const bash = new Bash({
    fs,
    cwd: request.cwd,
    env: { HOME: request.workspacePath, USER: 'kazi', LANG: 'C.UTF-8', TMPDIR: '/tmp', ...request.env },
    executionLimits: {
      maxExecutionTimeMs: request.wallMs,
      maxLoopIterations: request.loopIterations,
      maxCommandCount: request.loopIterations,
      maxFileSystemBytes: request.temporaryBytes,
    },
  });
  const result = await bash.exec(request.commandLine, { rawScript: true, args: [...request.arguments] });
  await Promise.all([writeAll(process.stdout, result.stdout), writeAll(process.stderr, result.stderr)]);
  process.exit(result.exitCode);
};

/**
 * @param {NodeJS.WriteStream} stream
 * @param {string} text
 * @returns {Promise<void>}
 */
const writeAll = (stream, text) =>
  new Promise((resolve) => {
    stream.write(text, () => resolve());
  });

process.once('disconnect', () => process.exit(1));
process.once('message', (request) => void runCommand(/** @type {WorkerRequest} */ (request)));
