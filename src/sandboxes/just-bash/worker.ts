import type { WorkerRequest } from './worker-request.ts';

/**
 * Entry of the child process: takes one command by IPC, runs it in the emulated shell, writes its output and leaves with its
 * exit code. It never starts a program; the workspace is the only real folder that its shell can see.
 */
const runCommand = async (request: WorkerRequest): Promise<void> => {
  // By its resolved address: a lookup would read folders that this process may not.
  const { Bash, InMemoryFs, MountableFs, ReadWriteFs } = (await import(request.shellUrl)) as typeof import('just-bash');
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

const writeAll = (stream: NodeJS.WriteStream, text: string): Promise<void> =>
  new Promise((resolve) => {
    stream.write(text, () => resolve());
  });

process.once('disconnect', () => process.exit(1));
process.once('message', (request) => void runCommand(request as WorkerRequest));
