/** What one sandbox may take. */
export interface SandboxLimits {
  /** Longest time of one command. */
  readonly wallMs: number;
  /** Processor seconds of one command, all its processes together. */
  readonly cpuSeconds: number;
  /** Memory of one command, all its processes together. */
  readonly memoryBytes: number;
  /** Processes and threads that may exist at once. */
  readonly processes: number;
  /** Largest file that can be written. */
  readonly fileBytes: number;
  /** Disk that the whole workspace may take. */
  readonly workspaceBytes: number;
  /** Standard output and error of one command, together. */
  readonly outputBytes: number;
}

const MEBIBYTE = 1024 * 1024;

export const DEFAULT_SANDBOX_LIMITS: SandboxLimits = Object.freeze({
  wallMs: 600_000,
  cpuSeconds: 600,
  memoryBytes: 2048 * MEBIBYTE,
  processes: 512,
  fileBytes: 1024 * MEBIBYTE,
  workspaceBytes: 4096 * MEBIBYTE,
  outputBytes: 16 * MEBIBYTE,
});

/** Which limit ended a command. A full process table ends nothing: the fork inside the sandbox fails. */
export type SandboxLimitName = 'wall' | 'cpu' | 'memory' | 'file' | 'workspace' | 'output';
