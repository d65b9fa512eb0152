import { closeSync, constants, fstatSync } from 'node:fs';
import { KaziError } from '../../core/errors.ts';
import { findProgram } from '../find-program.ts';
import { isReachableByOthers } from '../is-reachable.ts';
import type { CommandStart, CommandStarter, RunningCommand } from '../local-sandbox.ts';
import type { WorkspaceOwner } from '../open-beneath.ts';
import type { CommandResult, SandboxCommand } from '../sandbox-command.ts';
import { buildCommandArguments, buildSystemArguments } from './bwrap-arguments.ts';
import { CommandPipes } from './command-pipes.ts';
import { findHostPrograms, type HostPrograms } from './host-programs.ts';
import { findInheritedDescriptors } from './inherited-descriptors.ts';
import { buildInsideCommand, INIT_SCRIPT, writeEnvironment } from './inside-command.ts';
import { INSIDE_FILES } from './inside-files.ts';
import { SCRIPT_PATH } from './inside-paths.ts';
import { startLeader } from './leader.ts';
import { buildSeccompProgram, seccompArchitecture } from './seccomp-program.ts';
import { openUnnamed, reopen } from './unnamed-file.ts';

/** Any folder that every machine has: the workspace is mounted over it, in a mount namespace of its own. */
const RELAY_FOLDER = '/mnt';
const RELAY_SCRIPT = `mount --bind -- "$1" ${RELAY_FOLDER} && shift && exec "$@"`;
/** Descriptors of the child, in the order in which startLeader gives them; 3 is where the init writes that it began. */
const ARGUMENTS_DESCRIPTOR = 4;
const FIRST_CONTENT_DESCRIPTOR = 5;

/**
 * What all sandboxes of a provider share: the programs found on this machine, the fixed arguments, the seccomp filter and
 * the little /etc, and the pool of pipes. Holds descriptors until close().
 */
export class BubblewrapHost implements CommandStarter {
  readonly #programs: HostPrograms;
  readonly #systemArguments = buildSystemArguments();
  readonly #contents: readonly number[];
  readonly #pipes = new CommandPipes();
  readonly #inherited = findInheritedDescriptors();

  /** Throws SANDBOX_UNAVAILABLE on an architecture without a seccomp table, rather than run without the filter. */
  constructor() {
    const architecture = seccompArchitecture(process.arch);
    if (architecture === null) {
      throw new KaziError('SANDBOX_UNAVAILABLE', {
        reason: `found the architecture ${process.arch}, expected x64 or arm64.`,
      });
    }
    this.#programs = findHostPrograms();
    this.#contents = [
      buildSeccompProgram(architecture),
      INSIDE_FILES.passwd,
      INSIDE_FILES.group,
      INSIDE_FILES.hosts,
    ].map(openUnnamed);
  }

  async start(request: CommandStart): Promise<RunningCommand> {
    const { owner } = request;
    const program = requireProgram('bwrap', this.#programs.bwrap);
    const needsRelay = owner !== null && !isReachableByOthers(request.workspaceDir);
    const argv = ['--args', String(ARGUMENTS_DESCRIPTOR), '--', ...this.#buildInside(request)];
    const relay = needsRelay ? buildRelay(request.workspaceDir, owner, [program, ...argv]) : null;
    const beginning = openUnnamed('');
    const stdin = request.command.stdin === 'pipe' ? await this.#pipes.takeInput() : null;
    const stdout = await this.#pipes.takeOutput();
    const stderr = await this.#pipes.takeOutput();
    const release = (): void => {
      closeSync(beginning);
      for (const pipe of [stdin, stdout, stderr]) if (pipe !== null) this.#pipes.giveBack(pipe.fifo);
    };
    try {
      const started = await startLeader({
        program: relay?.program ?? program,
        argv: relay?.argv ?? argv,
        owner: relay === null ? owner : null,
        stdin,
        stdout,
        stderr,
        descriptors: [
          reopen(beginning, constants.O_WRONLY),
          ...this.#openDescriptors(request, needsRelay ? RELAY_FOLDER : request.workspaceDir),
        ],
        inherited: this.#inherited,
      });
      return { started, finish: (result) => finishCommand(result, beginning, release) };
    } catch (error) {
      release();
      throw new KaziError('SANDBOX_UNAVAILABLE', { reason: `"${program}" could not be executed.` }, { cause: error });
    }
  }

  close(): void {
    for (const descriptor of this.#contents) closeSync(descriptor);
    this.#pipes.close();
  }

  /** What runs inside: the init, which runs prlimit, which becomes the command. */
  #buildInside({ limits, mark, command }: CommandStart): readonly string[] {
    const { bash, sh } = this.#programs;
    const shell = requireProgram('sh', sh);
    const scriptShell = command.shell === 'sh' ? shell : (bash ?? shell);
    const inside = buildInsideCommand({
      prlimit: requireProgram('prlimit', this.#programs.prlimit),
      shell,
      limits,
      hasEnvironment: hasVariables(command),
      target: command.script === undefined ? command.argv : [scriptShell, SCRIPT_PATH],
    });
    return [shell, '-c', INIT_SCRIPT, mark, ...inside];
  }

  #openDescriptors({ command, cwd, limits }: CommandStart, workspaceSource: string): readonly number[] {
    const contents = [...this.#contents.map((content) => reopen(content, constants.O_RDONLY))];
    const add = (content: string): number => FIRST_CONTENT_DESCRIPTOR + contents.push(openUnnamed(content)) - 1;
    const options = buildCommandArguments({
      workspaceSource,
      cwd,
      limits,
      descriptors: {
        seccomp: FIRST_CONTENT_DESCRIPTOR,
        passwd: FIRST_CONTENT_DESCRIPTOR + 1,
        group: FIRST_CONTENT_DESCRIPTOR + 2,
        hosts: FIRST_CONTENT_DESCRIPTOR + 3,
        environment: hasVariables(command) ? add(writeEnvironment(command.env)) : null,
        script: command.script === undefined ? null : add(command.script),
      },
    });
    return [openUnnamed([...this.#systemArguments, ...options].map((option) => `${option}\0`).join('')), ...contents];
  }
}

const hasVariables = (
  command: SandboxCommand,
): command is SandboxCommand & { readonly env: Readonly<Record<string, string>> } =>
  command.env !== undefined && Object.keys(command.env).length > 0;

const finishCommand = (result: CommandResult, beginning: number, release: () => void): CommandResult => {
  const hasBegun = fstatSync(beginning).size > 0;
  release();
  if (hasBegun || result.signal !== null) return result;
  throw new KaziError('SANDBOX_UNAVAILABLE', {
    reason: result.stderr.trim() || `bubblewrap left with code ${result.exitCode}.`,
  });
};

/**
 * For root, when the workspace lies where its uid cannot walk to (a clone in /root, a data folder of mode 0700): mounts it, in a
 * mount namespace of this command, over a folder that can be reached, then becomes the uid and bubblewrap.
 */
const buildRelay = (
  workspaceDir: string,
  owner: WorkspaceOwner,
  next: readonly string[],
): { readonly program: string; readonly argv: readonly string[] } => ({
  program: requireProgram('unshare', findProgram('unshare')),
  argv: [
    ...[
      '--mount',
      '--propagation',
      'private',
      '--',
      requireProgram('sh', findProgram('sh')),
      '-c',
      RELAY_SCRIPT,
      'kazi-relay',
    ],
    workspaceDir,
    requireProgram('setpriv', findProgram('setpriv')),
    ...['--reuid', String(owner.uid), '--regid', String(owner.gid), '--clear-groups', '--', ...next],
  ],
});

const requireProgram = (name: string, path: string | null): string => {
  if (path !== null) return path;
  throw new KaziError('SANDBOX_UNAVAILABLE', {
    reason: `the program "${name}" was not found in the system's folders. Install it.`,
  });
};
