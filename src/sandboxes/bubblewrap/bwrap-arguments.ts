import { lstatSync, readlinkSync } from 'node:fs';
import type { SandboxLimits } from '../sandbox.ts';
import { WORKSPACE_PATH } from '../workspace-path.ts';

/** Who a command is inside: the name in the synthesized /etc/passwd. */
export const INSIDE_ID = 1000;
/** Where a script lies inside: bash reads it as a file, so its length is not bounded by the kernel's limit of an argument. */
export const SCRIPT_PATH = '/run/script';

export const PASSWD = `root:x:0:0:root:/root:/usr/sbin/nologin\nkazi:x:${INSIDE_ID}:${INSIDE_ID}:kazi:${WORKSPACE_PATH}:/bin/sh\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n`;
export const GROUP = `root:x:0:\nkazi:x:${INSIDE_ID}:\nnogroup:x:65534:\n`;
export const HOSTS = '127.0.0.1 localhost\n::1 localhost\n';

const ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: WORKSPACE_PATH,
  USER: 'kazi',
  LOGNAME: 'kazi',
  LANG: 'C.UTF-8',
  TMPDIR: '/tmp',
  SHELL: '/bin/sh',
};

/** What programs of the host need of its /etc: where to find libraries and alternatives, which certificates to trust. No accounts, no secrets. */
const READ_ONLY_ETC = [
  '/etc/alternatives',
  '/etc/ld.so.cache',
  '/etc/ld.so.conf',
  '/etc/ld.so.conf.d',
  '/etc/ld-musl-x86_64.path',
  '/etc/ld-musl-aarch64.path',
  '/etc/ssl/certs',
  '/etc/ssl/openssl.cnf',
  '/etc/ca-certificates',
  '/etc/pki/tls/certs',
  '/etc/pki/ca-trust',
  '/etc/mime.types',
  '/etc/localtime',
];

const SHARED_MEMORY_BYTES = 64 * 1024 * 1024;
const MAX_TEMP_BYTES = 512 * 1024 * 1024;

/** Descriptors that bubblewrap reads, by their number in the child. */
export interface ChildDescriptors {
  readonly seccomp: number;
  readonly passwd: number;
  readonly group: number;
  readonly hosts: number;
  /** Null for a command given as argv. */
  readonly script: number | null;
}

/** The part of the arguments that is the same for every command on this machine: isolation and the read-only system. */
export const buildSystemArguments = (): readonly string[] => [
  '--unshare-all',
  '--unshare-user',
  '--disable-userns',
  '--as-pid-1',
  ...['--cap-drop', 'ALL', '--die-with-parent', '--new-session', '--clearenv'],
  ...['--uid', String(INSIDE_ID), '--gid', String(INSIDE_ID), '--hostname', 'kazi'],
  ...['--ro-bind', '/usr', '/usr'],
  ...['/bin', '/sbin', '/lib', '/lib32', '/lib64'].flatMap(bindSystemFolder),
  ...['/etc', '/run', '/var'].flatMap((path) => ['--perms', '0755', '--dir', path]),
  ...['--symlink', '../tmp', '/var/tmp'],
  ...READ_ONLY_ETC.filter((path) => lstatSync(path, { throwIfNoEntry: false }) !== undefined).flatMap((path) => [
    '--ro-bind-try',
    path,
    path,
  ]),
  ...['--proc', '/proc', '--dev', '/dev'],
  ...['--perms', '1777', '--size', String(SHARED_MEMORY_BYTES), '--tmpfs', '/dev/shm', '--remount-ro', '/dev'],
];

/** The part that belongs to one command. Order matters: the root is made read-only last. */
export const buildCommandArguments = (command: {
  readonly workspaceSource: string;
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly limits: SandboxLimits;
  readonly descriptors: ChildDescriptors;
}): readonly string[] => {
  const { descriptors, limits } = command;
  const tempBytes = Math.min(MAX_TEMP_BYTES, Math.floor(limits.memoryBytes / 4));
  return [
    ...fileArguments(descriptors.passwd, '/etc/passwd'),
    ...fileArguments(descriptors.group, '/etc/group'),
    ...fileArguments(descriptors.hosts, '/etc/hosts'),
    ...(descriptors.script === null ? [] : fileArguments(descriptors.script, SCRIPT_PATH)),
    ...['--perms', '1777', '--size', String(tempBytes), '--tmpfs', '/tmp'],
    ...['--bind', command.workspaceSource, WORKSPACE_PATH],
    ...['--chdir', command.cwd, '--seccomp', String(descriptors.seccomp)],
    ...Object.entries({ ...ENVIRONMENT, ...command.env }).flatMap(([name, value]) => ['--setenv', name, value]),
    ...['--remount-ro', '/'],
  ];
};

/**
 * The init of the sandbox, for sh -c: waits for the command and leaves with its exit code; the kernel then kills whatever
 * the command left behind before bubblewrap sees the end. (bubblewrap's own init reports the end first, and its processes
 * die a moment later.) Its own standard error is shut, so that it does not comment on a killed command.
 */
export const INIT_SCRIPT = 'exec 9>&2 2>/dev/null; "$@" 2>&9 9>&-; exit "$?"';

/**
 * prlimit's arguments, run inside: set outside, --nproc would count whatever else that uid runs. RLIMIT_DATA rather than
 * RLIMIT_AS, because Node, Java and Go reserve far more addresses than they use. The soft limit of time comes a second before
 * the hard one, because only its signal tells what happened.
 */
export const buildLimitArguments = (limits: SandboxLimits): readonly string[] => [
  `--cpu=${Math.ceil(limits.cpuSeconds)}:${Math.ceil(limits.cpuSeconds) + 1}`,
  `--data=${limits.memoryBytes}`,
  `--nproc=${limits.processes}`,
  `--fsize=${limits.fileBytes}`,
  '--core=0',
  '--',
];

const fileArguments = (descriptor: number, path: string): readonly string[] => [
  ...['--perms', '0444', '--file', String(descriptor), path],
];

/** /bin is a link to usr/bin on most distributions, and a folder of its own on others. */
const bindSystemFolder = (path: string): readonly string[] => {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return [];
  return stats.isSymbolicLink() ? ['--symlink', readlinkSync(path), path] : ['--ro-bind', path, path];
};
