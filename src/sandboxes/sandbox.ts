import type { CommandResult, SandboxCommand, SandboxProcess } from './sandbox-command.ts';
import type { SandboxLimits } from './sandbox-limits.ts';
import type { ListOptions, WorkspaceEntry, WorkspaceFile } from './workspace-entry.ts';

/**
 * Where tools and scripts run. A provider makes sandboxes; a sandbox is one workspace plus the commands that run in it.
 * Every provider passes tests/sandboxes/suite.ts; what holds and what does not is in docs/sandboxes.md.
 */
export interface SandboxProvider {
  readonly name: string;
  /** `isolated`: real programs behind kernel isolation. `emulated`: a shell written in JavaScript; few programs, no real processes. */
  readonly fidelity: 'isolated' | 'emulated';
  readonly capabilities: SandboxCapabilities;
  /** Tells, after really trying it, whether sandboxes can start on this machine. Never throws; the answer is kept. */
  probe(): Promise<SandboxAvailability>;
  /**
   * Opens a sandbox over a workspace that may hold the files of earlier sandboxes. Cheap: nothing runs yet.
   * Processes left over by another sandbox of the same workspace are dead when it resolves.
   * Throws SANDBOX_UNAVAILABLE.
   */
  create(options: SandboxOptions): Promise<Sandbox>;
  /** Kills every process of every sandbox made here and releases what the provider holds. Safe twice. */
  stop(): Promise<void>;
}

/** False means that the matching optional method is absent. */
export interface SandboxCapabilities {
  /** Output arrives while a command runs, rather than when it has ended. */
  readonly streaming: boolean;
  /** Any program of the machine can be run, by argv or from a script. */
  readonly programs: boolean;
  readonly snapshot: boolean;
  readonly pause: boolean;
  readonly expose: boolean;
}

export type SandboxAvailability =
  | { readonly isAvailable: true; readonly details: string }
  | { readonly isAvailable: false; readonly reason: string; readonly remedy: string };

/** One member now; an allow-list served by a proxy on a unix socket becomes a second kind. */
export interface NetworkPolicy {
  readonly kind: 'none';
}

export interface SandboxOptions {
  readonly sandboxId: string;
  /** Absolute host path. Made when absent, and given to the sandbox's uid when kazi runs as root. Its parent must not be writable by others. */
  readonly workspaceDir: string;
  /** A number of the session; as root, its commands run under a uid derived from it, so two sessions never share one. */
  readonly identity: number | bigint;
  /** Whatever is left out takes its value from DEFAULT_SANDBOX_LIMITS. */
  readonly limits?: Partial<SandboxLimits> | undefined;
  readonly network?: NetworkPolicy | undefined;
}

export interface Sandbox {
  readonly sandboxId: string;
  /** Path of the workspace as commands see it. */
  readonly workspacePath: string;
  /** Runs a command to its end. Resolves for any exit code, limit or abort; throws SANDBOX_UNAVAILABLE when it could not be started. */
  run(command: SandboxCommand): Promise<CommandResult>;
  /** Starts a command without waiting for it. */
  spawn(command: SandboxCommand): Promise<SandboxProcess>;
  /** A whole file. Paths here are relative to the workspace, or begin with workspacePath; links are never followed (SANDBOX_PATH_REFUSED). */
  read(path: string, options?: { readonly maxBytes?: number | undefined }): Promise<Buffer>;
  /** A file as a stream, for what does not fit in memory. The caller consumes or destroys it. */
  readStream(path: string): Promise<WorkspaceFile>;
  /** Replaces a file atomically, making its parent folders. */
  write(path: string, content: string | Uint8Array): Promise<void>;
  /** Null when nothing is there. A link is described, not followed. */
  stat(path: string): Promise<WorkspaceEntry | null>;
  /** Entries below a folder, in order of their paths. */
  list(path?: string, options?: ListOptions): Promise<readonly WorkspaceEntry[]>;
  /** Removes a file, or a folder with all in it. Absent is fine. */
  delete(path: string): Promise<void>;
  /** Kills every process of this sandbox and waits until they are gone; the sandbox stays usable. */
  kill(): Promise<void>;
  /** Kills, and lets go of the workspace. The files stay. Safe twice. */
  destroy(): Promise<void>;
  readonly snapshot?: () => Promise<{ readonly snapshotId: string }>;
  readonly pause?: () => Promise<void>;
  readonly expose?: (port: number) => Promise<{ readonly url: string }>;
}
