import type { Logger } from 'pino';
import type { ArtifactEntry } from '../core/artifact.ts';
import { findScan, forgetScan, type JobPlace, scanBeforeJob } from './kept-scan.ts';
import { type BlobSink, type PublishLimits, publishChanged, publishNamed } from './publish.ts';
import { changedFiles, scanWorkspace } from './scan.ts';
import { prepareWorkspace, workspaceOf } from './workspace.ts';

const MEBIBYTE = 1024 * 1024;

/** Bounds of one job's manifest; what lies beyond is left out and named in the log. */
const PUBLISH_LIMITS: PublishLimits = {
  maxFiles: 10_000,
  maxFileBytes: 1024 * MEBIBYTE,
  maxTotalBytes: 4096 * MEBIBYTE,
};

/** What a workbench needs of a sandbox; every provider's sandboxes have it. */
export interface OpenedSandbox {
  readonly sandboxId: string;
  destroy(): Promise<void>;
}

/** Makes sandboxes; every provider does. */
export interface SandboxSource<Sandbox extends OpenedSandbox> {
  readonly name: string;
  create(options: {
    readonly sandboxId: string;
    readonly workspaceDir: string;
    readonly identity: number;
  }): Promise<Sandbox>;
}

export interface SessionWorkbenchesOptions<Sandbox extends OpenedSandbox> {
  readonly dataDir: string;
  readonly sandboxes: SandboxSource<Sandbox>;
  readonly blobs: BlobSink;
  readonly log: Logger;
}

/** Whose files they are: the session's workspace, and in it the job's. */
interface JobOfSession {
  readonly id: string;
  readonly sessionNum: number;
  /** Above 1 an earlier attempt may have worked here. */
  readonly attempts: number;
}

/** The workspaces of this node's data folder, one a session, with a sandbox and a manifest for each job that works in them. */
export class SessionWorkbenches<Sandbox extends OpenedSandbox> {
  readonly #options: SessionWorkbenchesOptions<Sandbox>;

  constructor(options: SessionWorkbenchesOptions<Sandbox>) {
    this.#options = options;
  }

  /** The place of one attempt of a job. Nothing is made before it opens its sandbox. */
  open(job: JobOfSession): SessionWorkbench<Sandbox> {
    return new SessionWorkbench(job, this.#options);
  }

  /** What a job that still runs has made so far; empty when it runs on another node's disk, or has not begun. */
  async listLiveFiles(job: JobOfSession): Promise<{ path: string; sizeBytes: number; modifiedAt: Date }[]> {
    const root = workspaceOf(this.#options.dataDir, job.sessionNum);
    const before = await findScan({ root, jobId: job.id });
    if (before === null) return [];
    const after = await scanWorkspace(root);
    return changedFiles(before, after).flatMap((path) => {
      const stamp = after.files.get(path);
      return stamp ? [{ path, sizeBytes: stamp.size, modifiedAt: new Date(Number(stamp.mtimeNs / 1_000_000n)) }] : [];
    });
  }
}

/** One attempt of one job in its session's workspace. */
export class SessionWorkbench<Sandbox extends OpenedSandbox> {
  readonly #job: JobOfSession;
  readonly #options: SessionWorkbenchesOptions<Sandbox>;
  #opening: Promise<{ readonly sandboxId: string; readonly sandbox: Sandbox }> | undefined;
  #place: JobPlace | undefined;

  constructor(job: JobOfSession, options: SessionWorkbenchesOptions<Sandbox>) {
    this.#job = job;
    this.#options = options;
  }

  /** The sandbox of this attempt, made at the first call. Throws SANDBOX_UNAVAILABLE. */
  async openSandbox(): Promise<{ readonly sandboxId: string; readonly sandbox: Sandbox }> {
    this.#opening ??= this.#create();
    return await this.#opening;
  }

  /** Publishes what the job made or changed since before its first attempt. Call it when nothing runs any more. */
  async collectArtifacts(): Promise<readonly ArtifactEntry[]> {
    const place = this.#place ?? (await this.#findEarlierPlace());
    if (place === undefined) return [];
    this.#place = place;
    const before = await scanBeforeJob(place);
    const { blobs, log } = this.#options;
    const publication = await publishChanged({ root: place.root, before, blobs, limits: PUBLISH_LIMITS });
    if (publication.skipped.length > 0) {
      log.warn(
        { job: this.#job.id, skipped: publication.skipped.slice(0, 20) },
        'files were left out of the artifacts',
      );
    }
    return publication.entries;
  }

  /** Stores one file as it is now; null where there is no regular file that may be given away. */
  async publish(path: string): Promise<ArtifactEntry | null> {
    const root = await prepareWorkspace(this.#options.dataDir, this.#job.sessionNum);
    const { blobs } = this.#options;
    const { entries } = await publishNamed({ root, blobs, limits: PUBLISH_LIMITS, paths: [path] });
    return entries[0] ?? null;
  }

  /** Ends the sandbox and all that runs in it. Safe twice. */
  async close(): Promise<void> {
    const opened = await this.#opening?.catch(() => undefined /* it never opened: whoever asked for it was told */);
    await opened?.sandbox.destroy();
  }

  /** Drops what was kept to find the job's files; call it after the job's end is committed. */
  async forget(): Promise<void> {
    if (this.#place) await forgetScan(this.#place);
  }

  /** Where an earlier attempt worked, when this one had nothing left to do but the end. */
  async #findEarlierPlace(): Promise<JobPlace | undefined> {
    if (this.#job.attempts === 1) return undefined;
    const place = { root: workspaceOf(this.#options.dataDir, this.#job.sessionNum), jobId: this.#job.id };
    return (await findScan(place)) === null ? undefined : place;
  }

  async #create(): Promise<{ readonly sandboxId: string; readonly sandbox: Sandbox }> {
    const { dataDir, sandboxes } = this.#options;
    const root = await prepareWorkspace(dataDir, this.#job.sessionNum);
    // First the sandbox: it ends what an earlier one left running, so that the scan sees a quiet workspace.
    const sandbox = await sandboxes.create({
      // The name says which kind ran the job: an emulation is not taken for isolation.
      sandboxId: `${sandboxes.name}:${crypto.randomUUID()}`,
      workspaceDir: root,
      identity: this.#job.sessionNum,
    });
    const place = { root, jobId: this.#job.id };
    await scanBeforeJob(place);
    this.#place = place;
    return { sandboxId: sandbox.sandboxId, sandbox };
  }
}
