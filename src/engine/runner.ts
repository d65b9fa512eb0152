import type { Logger } from 'pino';
import type { ClaimedJob } from '../core/job.ts';
import { isDatabaseUnavailable, type Queryable } from '../storage/database.ts';
import { listHeldJobs, parkJob, type ReleaseResult, releaseJobs } from '../storage/held-jobs.ts';
import type { Notifications } from '../storage/notifications.ts';
import { JobRun, type JobRunOptions, type RunEnd } from './job-run.ts';
import type { Journal } from './journal.ts';
import type { NodeLease } from './node-lease.ts';
import { jitter, waitFor } from './wait.ts';
import type { Workbenches } from './workbench.ts';

export interface RunnerOptions {
  readonly db: Queryable;
  readonly log: Logger;
  readonly notifications: Notifications;
  readonly lease: NodeLease;
  readonly workbenches: Workbenches;
  readonly journal: Journal;
  readonly load: JobRunOptions['load'];
  readonly serve: JobRunOptions['serve'];
  readonly boundary: JobRunOptions['boundary'];
  readonly listPublished: JobRunOptions['listPublished'];
  /** Jobs that this node runs at once. */
  readonly concurrency: number;
  readonly jobTimeoutMs: number;
  readonly maxAttempts: number;
  readonly pollMs: number;
}

/** The jobs that run on this node. The dispatcher brings them, the runner sees each to its end. */
export class Runner {
  readonly #options: RunnerOptions;
  readonly #runs = new Map<string, JobRun>();
  readonly #stopping = new AbortController();
  readonly #idleListeners: (() => void)[] = [];
  readonly #slotListeners: (() => void)[] = [];
  readonly #endListeners = new Set<(jobId: string) => void>();
  #unsubscribes: readonly (() => void)[] = [];
  #reconcileLoop: Promise<void> | undefined;

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  get freeSlots(): number {
    return this.#options.concurrency - this.#runs.size;
  }

  get size(): number {
    return this.#runs.size;
  }

  /** Called for every run that has ended here, whatever the end. Returns the function that ends it. */
  onEnded(listener: (jobId: string) => void): () => void {
    this.#endListeners.add(listener);
    return () => this.#endListeners.delete(listener);
  }

  /** Called whenever a slot becomes free. */
  onFreeSlot(listener: () => void): void {
    this.#slotListeners.push(listener);
  }

  start(): void {
    if (this.#reconcileLoop) return;
    const { lease, notifications } = this.#options;
    lease.onLost(() => {
      for (const run of this.#runs.values()) run.stop('lease_lost');
    });
    this.#unsubscribes = [
      notifications.subscribe('cancels', (jobId) => this.#runs.get(jobId)?.stop('canceled')),
      notifications.subscribe('news', (jobId) => void this.#bringNews(jobId)),
    ];
    this.#reconcileLoop = this.#reconcileRegularly();
  }

  /** Waits for the jobs to end; those that have not after the time are stopped and handed back. */
  async stop(drainMs: number): Promise<void> {
    if (this.#runs.size > 0) {
      this.#options.log.info({ running: this.#runs.size, drainMs }, 'draining');
      const idle = new AbortController();
      this.#idleListeners.push(() => idle.abort());
      await waitFor(drainMs, idle.signal);
      if (this.#runs.size > 0) {
        for (const run of this.#runs.values()) run.stop('draining');
        await this.#idle();
      }
    }
    this.#stopping.abort();
    for (const unsubscribe of this.#unsubscribes) unsubscribe();
    await this.#reconcileLoop;
  }

  /** Starts a claimed job; the claim has made sure that there is a slot. */
  run(job: ClaimedJob): void {
    const { journal, workbenches, log, load, serve, boundary, listPublished, jobTimeoutMs, maxAttempts } =
      this.#options;
    const run = new JobRun({
      job,
      journal,
      workbench: workbenches.open(job),
      log,
      load,
      serve,
      boundary,
      listPublished,
      timeoutMs: jobTimeoutMs,
      maxAttempts,
    });
    this.#runs.set(job.id, run);
    void this.#see(run);
  }

  async #see(run: JobRun): Promise<void> {
    const end = await run.execute();
    if (end.kind === 'release' || end.kind === 'park') await this.#giveBack(run.job, end);
    if (this.#runs.get(run.job.id) === run) this.#runs.delete(run.job.id);
    for (const listener of this.#slotListeners) listener();
    for (const listener of this.#endListeners) listener(run.job.id);
    if (this.#runs.size === 0) for (const listener of this.#idleListeners.splice(0)) listener();
  }

  /** Gives a claim back. If the database is away, the reconciliation or the rescuer does it later. */
  async #giveBack(job: ClaimedJob, end: Extract<RunEnd, { kind: 'release' | 'park' }>): Promise<void> {
    const { log } = this.#options;
    try {
      this.#announce(end.kind === 'park' ? await this.#park(job, end) : await this.#release(job, end));
      log.info({ job: job.id, reason: end.reason }, end.kind === 'park' ? 'job waits' : 'job went back to its queue');
    } catch (error) {
      log.warn({ err: error, job: job.id }, 'a job could not be given back yet');
    }
  }

  async #park(job: ClaimedJob, end: Extract<RunEnd, { kind: 'park' }>): Promise<ReleaseResult> {
    const { wakeAfterMs, reason } = end;
    return await parkJob(this.#options.db, { jobId: job.id, leaseId: job.leaseId, wakeAfterMs, reason });
  }

  async #release(job: ClaimedJob, end: Extract<RunEnd, { kind: 'release' }>): Promise<ReleaseResult> {
    const { db, maxAttempts } = this.#options;
    const release = { jobId: job.id, leaseId: job.leaseId, delayMs: end.delayMs };
    return await releaseJobs(db, [release], end.reason, end.isAttemptUsed ? maxAttempts : null);
  }

  #announce({ sessions, lanes }: ReleaseResult): void {
    const { notifications } = this.#options;
    for (const session of sessions) notifications.publish('events', session);
    for (const lane of lanes) notifications.publish('lanes', lane);
    // Lane 0: nothing to claim yet, but a dispatcher's next look at the clock may have to be earlier.
    if (lanes.length === 0) notifications.publish('lanes', 0);
  }

  async #idle(): Promise<void> {
    if (this.#runs.size === 0) return;
    await new Promise<void>((resolve) => this.#idleListeners.push(resolve));
  }

  async #reconcileRegularly(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await waitFor(jitter(this.#options.pollMs * 2), signal);
      if (signal.aborted) return;
      await this.#reconcile().catch((error: unknown) => {
        if (!isDatabaseUnavailable(error)) this.#options.log.error({ err: error }, 'reconciling failed');
      });
    }
  }

  async #bringNews(jobId: string): Promise<void> {
    try {
      await this.#runs.get(jobId)?.notice();
    } catch (error) {
      this.#options.log.debug(
        { err: error, job: jobId },
        'news for a run were not read; the reconciliation brings them',
      );
    }
  }

  /**
   * Compares what the table says with what runs here: stops canceled jobs and brings news whose notification was lost, gives back
   * claims that this process does not know, because the answer of a claim was lost on its way. A claim that is young
   * may simply not have arrived; it is given back only when it is still unknown at the next turn.
   */
  async #reconcile(): Promise<void> {
    const { db, lease } = this.#options;
    const nodeId = lease.nodeId;
    if (nodeId === undefined) return;
    const held = await listHeldJobs(db, nodeId);
    const unknown = new Set<string>();
    for (const claim of held) {
      const run = this.#runs.get(claim.jobId);
      if (run === undefined) unknown.add(`${claim.jobId} ${claim.leaseId}`);
      else if (claim.isCanceled) run.stop('canceled');
      else if (claim.hasNews) await this.#bringNews(claim.jobId);
    }
    for (const key of unknown) {
      if (!this.#unknownBefore.has(key)) continue;
      const [jobId = '', leaseId = ''] = key.split(' ');
      await this.#releaseUnknown(jobId, Number(leaseId));
    }
    this.#unknownBefore = unknown;
  }

  #unknownBefore: ReadonlySet<string> = new Set();

  async #releaseUnknown(jobId: string, leaseId: number): Promise<void> {
    const { db, log } = this.#options;
    const result = await releaseJobs(db, [{ jobId, leaseId, delayMs: 0 }], 'Its claim never reached the node');
    this.#announce(result);
    if (result.released > 0) log.warn({ job: jobId }, 'a claim that this node does not know was given back');
  }
}
