import type { SandboxAvailability } from '../sandbox.ts';
import type { UserRange } from '../sandbox-user.ts';
import { findHostPrograms } from './host-programs.ts';
import { seccompArchitecture } from './seccomp-program.ts';

type Unavailability = Extract<SandboxAvailability, { isAvailable: false }>;

/** What can be told without trying; null when nothing speaks against it. */
export const findUnavailability = (users: UserRange | null): Unavailability | null => {
  if (process.platform !== 'linux') {
    return unavailable(
      `bubblewrap needs Linux, found ${process.platform}`,
      'Run kazi on Linux, or in a Linux container.',
    );
  }
  if (seccompArchitecture(process.arch) === null) {
    return unavailable(`found the architecture ${process.arch}, expected x64 or arm64`, 'Run kazi on x64 or arm64.');
  }
  const programs = findHostPrograms();
  if (programs.bwrap === null) {
    return unavailable(
      'the program "bwrap" was not found',
      'Install it: apt-get install bubblewrap (or dnf, apk, pacman).',
    );
  }
  if (programs.prlimit === null || programs.mkfifo === null) {
    return unavailable('the programs "prlimit" and "mkfifo" were not found', 'Install util-linux and coreutils.');
  }
  if (process.getuid?.() === 0 && users === null) {
    return unavailable(
      'kazi runs as root in a user namespace without spare uids, so commands cannot be given one of their own',
      'Run kazi as an ordinary user, or map at least 65,536 uids into the container.',
    );
  }
  return null;
};

/** Turns what bubblewrap said into what an operator can do. */
export const explainFailure = (reason: string): Unavailability =>
  unavailable(
    reason,
    /namespace|uid map|Permission denied|Operation not permitted/i.test(reason)
      ? 'Allow unprivileged user namespaces: sysctl kernel.unprivileged_userns_clone=1, kernel.apparmor_restrict_unprivileged_userns=0, user.max_user_namespaces>0; in Docker: --security-opt seccomp=unconfined --security-opt systempaths=unconfined.'
      : 'Run "bwrap --unshare-all --ro-bind / / true" as the user of kazi and mend what it reports.',
  );

const unavailable = (reason: string, remedy: string): Unavailability => ({ isAvailable: false, reason, remedy });
