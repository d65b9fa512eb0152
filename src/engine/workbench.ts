import type { ArtifactEntry } from '../core/artifact.ts';
import type { ClaimedJob } from '../core/job.ts';
import type { RuntimeSandbox } from '../runtimes/runtime.ts';

/** Where the jobs of a node do their work: a workspace a session, a sandbox an attempt. src/app gives the real one. */
export interface Workbenches {
  /** Cheap; nothing is made before the first openSandbox. */
  open(job: ClaimedJob): Workbench;
}

/** The place of one attempt of one job. */
export interface Workbench {
  /** Opens the sandbox over the session's workspace, once. Throws SANDBOX_UNAVAILABLE. */
  openSandbox(): Promise<{ readonly sandboxId: string; readonly sandbox: RuntimeSandbox }>;
  /** Stores the files that the job made or changed since its first attempt; none when no sandbox was opened. Call after close. */
  collectArtifacts(): Promise<readonly ArtifactEntry[]>;
  /** Stores one file of the workspace as it is now; null where there is no regular file that may be given away. */
  publish(path: string): Promise<ArtifactEntry | null>;
  /** Kills all that still runs and lets go of the workspace; the files stay. Safe twice. */
  close(): Promise<void>;
  /** Forgets what was kept about the job's files; call when the job has ended for good. */
  forget(): Promise<void>;
}
