import { findProgram } from '../find-program.ts';

/** Paths of the host's programs that the driver uses; null for what is missing. */
export interface HostPrograms {
  readonly bwrap: string | null;
  readonly prlimit: string | null;
  readonly mkfifo: string | null;
  /** The inside's shells; sh stands in where bash is missing. */
  readonly bash: string | null;
  readonly sh: string | null;
}

export const findHostPrograms = (): HostPrograms => ({
  bwrap: findProgram('bwrap'),
  prlimit: findProgram('prlimit'),
  mkfifo: findProgram('mkfifo'),
  bash: findProgram('bash'),
  sh: findProgram('sh'),
});
