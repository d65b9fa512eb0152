import { lstatSync, readlinkSync } from 'node:fs';
import type { SandboxLimits } from '../sandbox-limits.ts';
import { WORKSPACE_PATH } from '../workspace-path.ts';
import { INSIDE_ID } from './inside-files.ts';
import { ENVIRONMENT_PATH, SCRIPT_PATH } from './inside-paths.ts';

const ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: WORKSPACE_PATH,
  USER: 'kazi',
  LOGNAME: 'kazi',
  LANG: 'C.UTF-8',
  TMPDIR: '/tmp',
  SHELL: '/bin/sh',
};

/** What programs of the host need of its /etc: where to find libraries and alternatives, which certificates to trust. No accounts, no secrets. Each costs a mount of about 0.15 ms a command. */
const READ_ONLY_ETC = [
  '/etc/alternatives',
  '/etc/ld.so.cache',
  '/etc/ld-musl-x86_64.path',
  '/etc/ld-musl-aarch64.path',
  '/etc/ssl/certs',
  '/etc/ssl/openssl.cnf',
  '/etc/ca-certificates/extracted',
  '/etc/pki/tls/certs',
  '/etc/pki/ca-trust',
];

const SHARED_MEMORY_BYTES = 64 * 1024 * 1024;
const MAX_TEMP_BYTES = 512 * 1024 * 1024;

/** Descriptors that bubblewrap reads, by their number in the child. */
export interface ChildDescriptors {
  readonly seccomp: number;
  readonly passwd: number;
  readonly group: number;
  readonly hosts: number;
  /** Null for a command without variables of its own. */
  readonly environment: number | null;
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
  readonly limits: SandboxLimits;
  readonly descriptors: ChildDescriptors;
}): readonly string[] => {
  const { descriptors, limits } = command;
  const tempBytes = Math.min(MAX_TEMP_BYTES, Math.floor(limits.memoryBytes / 4));
  return [
    ...fileArguments(descriptors.passwd, '/etc/passwd'),
    ...fileArguments(descriptors.group, '/etc/group'),
    ...fileArguments(descriptors.hosts, '/etc/hosts'),
    ...fileArguments(descriptors.environment, ENVIRONMENT_PATH),
    ...fileArguments(descriptors.script, SCRIPT_PATH),
    ...['--perms', '1777', '--size', String(tempBytes), '--tmpfs', '/tmp'],
    ...['--bind', command.workspaceSource, WORKSPACE_PATH],
    ...['--chdir', command.cwd, '--seccomp', String(descriptors.seccomp)],
    ...Object.entries(ENVIRONMENT).flatMap(([name, value]) => ['--setenv', name, value]),
    ...['--remount-ro', '/'],
  ];
};

const fileArguments = (descriptor: number | null, path: string): readonly string[] =>
  descriptor === null ? [] : ['--perms', '0444', '--file', String(descriptor), path];

/** /bin is a link to usr/bin on most distributions, and a folder of its own on others. */
const bindSystemFolder = (path: string): readonly string[] => {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return [];
  return stats.isSymbolicLink() ? ['--symlink', readlinkSync(path), path] : ['--ro-bind', path, path];
};
