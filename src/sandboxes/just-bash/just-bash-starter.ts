import { type ChildProcess, spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { KaziError } from '../../core/errors.ts';
import { findProgram } from '../find-program.ts';
import type { CommandStart, CommandStarter, RunningCommand } from '../local-sandbox.ts';
import { quoteWord } from '../quote-word.ts';
import type { StartedCommand } from '../supervise-command.ts';
import { WORKSPACE_PATH } from '../workspace-path.ts';
import type { WorkerRequest } from './worker-request.ts';

const MEBIBYTE = 1024 * 1024;
/** Scripts are ended by their time; the interpreter's own count only has to be far away. */
const LOOP_ITERATIONS = 100_000_000;

const SHELL_URL = import.meta.resolve('just-bash');
export const WORKER_PATH = fileURLToPath(new URL('worker.mjs', import.meta.url));
/** What the child must read of this installation: the worker, and the package with its dependencies. */
export const INSTALLATION_PATHS = [
  dirname(WORKER_PATH),
  findModules(fileURLToPath(SHELL_URL)),
  join(dirname(WORKER_PATH), '../../../package.json'),
];

/** Runs each command in a Node process of its own, for a shell in JavaScript can only be stopped for sure from outside. */
export class JustBashStarter implements CommandStarter {
  async start(request: CommandStart): Promise<RunningCommand> {
    const { owner } = request;
    if (request.command.stdin === 'pipe') {
      throw new KaziError('INVALID_REQUEST', {
        message:
          'MCP servers over stdio, and other programs that stay and are talked to, need the bubblewrap sandbox; found the emulated shell just-bash. Run kazi on a machine where bubblewrap works (kazi doctor says why not).',
      });
    }
    const [program, ...argv] = buildChildCommand(request);
    const child = spawn(program, argv, {
      ...(owner === null ? {} : { uid: owner.uid, gid: owner.gid }),
      cwd: '/',
      env: {},
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const exited = waitForExit(child);
    try {
      await sendRequest(child, buildRequest(request));
    } catch (error) {
      child.kill('SIGKILL');
      throw new KaziError(
        'SANDBOX_UNAVAILABLE',
        { reason: 'the process of the emulated shell could not start.' },
        { cause: error },
      );
    }
    const { stdout, stderr, pid } = child;
    if (stdout === null || stderr === null || pid === undefined) throw new KaziError('INTERNAL');
    return {
      started: { leaderPid: pid, stdin: null, stdout, stderr, exited, kill: () => child.kill('SIGKILL') },
      finish: (result) => result,
    };
  }
}

/**
 * node, held in by what this machine offers: dies with the server (setpriv), file size and processor time (prlimit), no files
 * but the workspace and the installation, no child processes (Node's permission model).
 */
const buildChildCommand = ({ limits, workspaceDir, mark }: CommandStart): readonly [string, ...string[]] => {
  const setpriv = process.platform === 'linux' ? findProgram('setpriv') : null;
  const prlimit = process.platform === 'linux' ? findProgram('prlimit') : null;
  const command = [
    ...(setpriv === null ? [] : [setpriv, '--pdeathsig', 'KILL', '--']),
    ...(prlimit === null
      ? []
      : [
          prlimit,
          `--cpu=${Math.ceil(limits.cpuSeconds)}:${Math.ceil(limits.cpuSeconds) + 1}`,
          `--fsize=${limits.fileBytes}`,
          '--core=0',
          '--',
        ]),
    process.execPath,
    `--max-old-space-size=${Math.max(64, Math.floor(limits.memoryBytes / MEBIBYTE))}`,
    '--no-warnings',
    '--permission',
    ...[...INSTALLATION_PATHS, workspaceDir].map((path) => `--allow-fs-read=${path}`),
    `--allow-fs-write=${workspaceDir}`,
    WORKER_PATH,
    mark,
  ];
  return command as [string, ...string[]];
};

const buildRequest = ({ workspaceDir, limits, command, cwd }: CommandStart): WorkerRequest => ({
  shellUrl: SHELL_URL,
  workspaceDir,
  workspacePath: WORKSPACE_PATH,
  cwd,
  env: command.env ?? {},
  commandLine: command.script ?? quoteWord(command.argv[0]),
  arguments: command.argv?.slice(1) ?? [],
  wallMs: limits.wallMs,
  fileBytes: limits.fileBytes,
  temporaryBytes: Math.floor(limits.memoryBytes / 4),
  loopIterations: LOOP_ITERATIONS,
});

const sendRequest = (child: ChildProcess, request: WorkerRequest): Promise<void> =>
  new Promise((resolve, reject) => {
    child.once('error', reject);
    child.send(request, (error) => (error === null ? resolve() : reject(error)));
  });

const waitForExit = (child: ChildProcess): StartedCommand['exited'] =>
  new Promise((resolve) => {
    child.once('exit', (code, signal) => resolve({ code, signal }));
    child.once('error', () => resolve({ code: null, signal: null }));
  });

/** The node_modules folder that holds a file. */
function findModules(path: string): string {
  const marker = '/node_modules/';
  return path.slice(0, path.lastIndexOf(marker) + marker.length - 1);
}
