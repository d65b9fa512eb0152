import { quoteWord } from '../quote-word.ts';
import type { SandboxLimits } from '../sandbox-limits.ts';
import { ENVIRONMENT_PATH } from './inside-paths.ts';

const OPEN_FILES = 4096;

/**
 * The init of the sandbox, for sh -c: waits for the command and leaves with its exit code; the kernel then kills whatever
 * the command left behind before bubblewrap sees the end. (bubblewrap's own init reports the end first, and its processes
 * die a moment later.) A byte on descriptor 3 tells that it began: bubblewrap's own failures look like those of a command.
 * Its own standard error is shut, so that it does not comment on a killed command.
 */
export const INIT_SCRIPT = 'echo >&3; exec 3>&- 9>&2 2>/dev/null; "$@" 2>&9 9>&-; exit "$?"';

/** What the init runs: prlimit, which becomes the command, by way of a shell when that brings variables of its own. */
export const buildInsideCommand = (command: {
  readonly prlimit: string;
  readonly shell: string;
  readonly limits: SandboxLimits;
  readonly hasEnvironment: boolean;
  readonly target: readonly string[];
}): readonly string[] => [
  command.prlimit,
  ...buildLimitArguments(command.limits),
  ...(command.hasEnvironment ? [command.shell, '-c', `. ${ENVIRONMENT_PATH}; exec "$@"`, command.shell] : []),
  ...command.target,
];

/**
 * The file at ENVIRONMENT_PATH. Set only once the limits hold: with LD_PRELOAD in prlimit's environment, code from the
 * workspace would run before them.
 */
export const writeEnvironment = (env: Readonly<Record<string, string>>): string =>
  Object.entries(env)
    .map(([name, value]) => `export ${name}=${quoteWord(value)}\n`)
    .join('');

/**
 * prlimit's arguments, run inside: set outside, --nproc would count whatever else that uid runs. RLIMIT_DATA rather than
 * RLIMIT_AS, because Node, Java and Go reserve far more addresses than they use. The soft limit of time comes a second before
 * the hard one, because only its signal tells what happened.
 */
const buildLimitArguments = (limits: SandboxLimits): readonly string[] => [
  `--cpu=${Math.ceil(limits.cpuSeconds)}:${Math.ceil(limits.cpuSeconds) + 1}`,
  `--data=${limits.memoryBytes}`,
  `--nproc=${limits.processes}`,
  `--fsize=${limits.fileBytes}`,
  `--nofile=${OPEN_FILES}`,
  '--core=0',
  '--',
];
