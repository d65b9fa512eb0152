import { closeSync } from 'node:fs';
import { KaziError } from '../../core/errors.ts';
import { findProgram } from '../find-program.ts';
import { isReachableByOthers } from '../is-reachable.ts';
import type { CommandStart, CommandStarter } from '../local-sandbox.ts';
import type { WorkspaceOwner } from '../open-beneath.ts';
import type { CommandResult } from '../sandbox.ts';
import type { StartedCommand } from '../supervise-command.ts';
import {
  buildCommandArguments,
  buildLimitArguments,
  buildSystemArguments,
  GROUP,
  HOSTS,
  INIT_SCRIPT,
  PASSWD,
  SCRIPT_PATH,
} from './bwrap-arguments.ts';
import { findHostPrograms, type HostPrograms } from './host-programs.ts';
import { findInheritedDescriptors } from './inherited-descriptors.ts';
import { startLeader } from './leader.ts';
import { OutputPipes } from './output-pipes.ts';
import { buildSeccompProgram, seccompArchitecture } from './seccomp-program.ts';
import { openUnnamed, reopen } from './unnamed-file.ts';

/** Any folder that every machine has: the workspace is mounted over it, in a mount namespace of its own. */
const RELAY_FOLDER = '/mnt';
const RELAY_SCRIPT = `mount --bind -- "$1" ${RELAY_FOLDER} && shift && exec "$@"`;
/** Descriptors of the child, in the order in which startLeader gives them. */
const ARGUMENTS_DESCRIPTOR = 3;
const FIRST_CONTENT_DESCRIPTOR = 4;

/**
 * What all sandboxes of a provider share: the programs found on this machine, the fixed arguments, the seccomp filter and
 * the little /etc, and the pool of pipes. Holds descriptors until close().
 */
export class BubblewrapHost implements CommandStarter {
  readonly #programs: HostPrograms;
  readonly #systemArguments = buildSystemArguments();
  readonly #contents: readonly number[];
  readonly #pipes = new OutputPipes();
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
    this.#contents = [buildSeccompProgram(architecture), PASSWD, GROUP, HOSTS].map(openUnnamed);
  }

  /** Starts a command; `release` is to be called when it and its output have ended. */
  async start(request: CommandStart): Promise<{ readonly started: StartedCommand; readonly release: () => void }> {
    const { owner, command } = request;
    const program = requireProgram('bwrap', this.#programs.bwrap);
    const stdout = await this.#pipes.take();
    const stderr = await this.#pipes.take();
    const release = (): void => {
      this.#pipes.giveBack(stdout.fifo);
      this.#pipes.giveBack(stderr.fifo);
    };
    const needsRelay = owner !== null && !isReachableByOthers(request.workspaceDir);
    const argv = ['--args', String(ARGUMENTS_DESCRIPTOR), '--', ...this.#buildInside(request)];
    const relay = needsRelay ? buildRelay(request.workspaceDir, owner, [program, ...argv]) : null;
    try {
      const started = await startLeader({
        program: relay?.program ?? program,
        argv: relay?.argv ?? argv,
        owner: relay === null ? owner : null,
        stdout,
        stderr,
        descriptors: this.#openDescriptors(request, needsRelay ? RELAY_FOLDER : request.workspaceDir),
        inherited: this.#inherited,
      });
      return { started, release };
    } catch (error) {
      release();
      const what = command.script === undefined ? `"${command.argv[0]}"` : 'a script';
      throw new KaziError('SANDBOX_UNAVAILABLE', { reason: `bubblewrap could not start ${what}.` }, { cause: error });
    }
  }

  /** bubblewrap tells its own failure only by text: it writes nothing else, and the command has not run. */
  check(result: CommandResult): CommandResult {
    if (result.exitCode !== 1 || result.stdout !== '' || !result.stderr.startsWith('bwrap: ')) return result;
    throw new KaziError('SANDBOX_UNAVAILABLE', { reason: result.stderr.trim() });
  }

  close(): void {
    for (const descriptor of this.#contents) closeSync(descriptor);
    this.#pipes.close();
  }

  /** What runs inside: the init, which runs prlimit, which becomes the command. */
  #buildInside({ limits, mark, command }: CommandStart): readonly string[] {
    const { prlimit, bash, sh } = this.#programs;
    const shell = requireProgram('sh', sh);
    const target =
      command.script === undefined ? command.argv : [command.shell === 'sh' ? shell : (bash ?? shell), SCRIPT_PATH];
    return [
      ...[shell, '-c', INIT_SCRIPT, mark],
      ...[requireProgram('prlimit', prlimit), ...buildLimitArguments(limits), ...target],
    ];
  }

  #openDescriptors({ command, cwd, limits }: CommandStart, workspaceSource: string): readonly number[] {
    const hasScript = command.script !== undefined;
    const options = buildCommandArguments({
      workspaceSource,
      cwd,
      env: command.env ?? {},
      limits,
      descriptors: {
        seccomp: FIRST_CONTENT_DESCRIPTOR,
        passwd: FIRST_CONTENT_DESCRIPTOR + 1,
        group: FIRST_CONTENT_DESCRIPTOR + 2,
        hosts: FIRST_CONTENT_DESCRIPTOR + 3,
        script: hasScript ? FIRST_CONTENT_DESCRIPTOR + 4 : null,
      },
    });
    const optionsText = [...this.#systemArguments, ...options].map((option) => `${option}\0`).join('');
    return [
      openUnnamed(optionsText),
      ...this.#contents.map(reopen),
      ...(hasScript ? [openUnnamed(command.script)] : []),
    ];
  }
}

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
