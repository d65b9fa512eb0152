import type { ActionContext } from '../actions/context.ts';
import { scheduleOwnWork, spawnJob } from '../actions/hand-in-work.ts';
import type { Agent } from '../core/agent.ts';
import type { ApprovalDecision } from '../core/approval.ts';
import type { ArtifactEntry } from '../core/artifact.ts';
import { type JobLimits, jobLimits } from '../core/budget.ts';
import { KaziError } from '../core/errors.ts';
import type { ClaimedJob } from '../core/job.ts';
import type { JournalEvent } from '../core/journal.ts';
import type { ModelRequestState } from '../core/model-batch.ts';
import type { ChildJob, RunServices, SessionHistory } from '../runtimes/runtime.ts';
import { expireJobApprovals, listJobApprovals } from '../storage/approvals.ts';
import { listArtifacts } from '../storage/artifacts.ts';
import { getJobBudget, holdSpend } from '../storage/budgets.ts';
import type { Database } from '../storage/database.ts';
import { getJob } from '../storage/jobs.ts';
import { listInputs, readHistory } from '../storage/messages.ts';
import { listModelRequests } from '../storage/model-requests.ts';
import type { JobLog } from './job-log.ts';
import type { Workbench } from './workbench.ts';

export interface JobRequestsOptions {
  readonly job: ClaimedJob;
  readonly agent: Agent;
  readonly log: JobLog;
  readonly workbench: Workbench;
  readonly context: ActionContext;
  /** The engine's own connections: a flood of requests does not hold up a run. */
  readonly db: Database;
}

/** What kazi does for one attempt of a job beyond keeping its journal. */
export class JobRequests implements RunServices {
  readonly #options: JobRequestsOptions;

  constructor(options: JobRequestsOptions) {
    this.#options = options;
  }

  async limits(): Promise<JobLimits> {
    const { db, job, agent, log } = this.#options;
    const budget = await log.ask(async () => await getJobBudget(db, job.id));
    return budget?.limits ?? jobLimits(agent.limits, null);
  }

  async history(): Promise<SessionHistory> {
    const { db, job, log } = this.#options;
    return await log.ask(async () => await readHistory(db, job));
  }

  async opening(): Promise<SessionHistory['messages'] | null> {
    const { db, job, log } = this.#options;
    // Only items of batches have more than a question, and they say so.
    if (job.metadata?.['batch_item_id'] === undefined) return null;
    const messages = await log.ask(async () => await listInputs(db, job.id));
    return messages.length === 0 ? null : messages;
  }

  async holdSpend(hold: {
    readonly wantedMicros: number;
    readonly leastMicros: number;
  }): ReturnType<RunServices['holdSpend']> {
    const { db, job, log } = this.#options;
    return await log.ask(async () => await holdSpend(db, { jobId: job.id, ...hold }));
  }

  async approvals(): Promise<ReadonlyMap<string, ApprovalDecision>> {
    const { db, job, log } = this.#options;
    const decisions = await log.ask(async () => {
      await expireJobApprovals(db, job.id);
      return await listJobApprovals(db, job.id);
    });
    return new Map(decisions.map((decision) => [decision.id, decision]));
  }

  async modelRequests(ordinal: number): Promise<readonly ModelRequestState[]> {
    const { db, job, log } = this.#options;
    return await log.ask(async () => await listModelRequests(db, job.id, ordinal));
  }

  async scheduleJob(work: Parameters<RunServices['scheduleJob']>[0]): Promise<string> {
    const { context, job, log } = this.#options;
    return await log.ask(async () => await scheduleOwnWork(context, job, work));
  }

  async spawnJob(work: Parameters<RunServices['spawnJob']>[0]): Promise<ChildJob | { readonly refusal: string }> {
    const { context, job, log } = this.#options;
    return await log.ask(async () => {
      const spawned = await spawnJob(context, job, work);
      return 'refusal' in spawned ? spawned : await this.#readChild(spawned.jobId);
    });
  }

  async publish(path: string): Promise<ArtifactEntry | null> {
    const { workbench, log } = this.#options;
    const artifact = await workbench.publish(path);
    if (artifact !== null) await log.write({ events: [publishedEvent(artifact)], artifacts: [artifact] });
    return artifact;
  }

  async #readChild(jobId: string): Promise<ChildJob> {
    const { db } = this.#options;
    const job = await getJob(db, jobId);
    if (!job) throw new KaziError('JOB_NOT_FOUND');
    const artifacts = await listArtifacts(db, jobId);
    return {
      id: job.id,
      sessionId: job.sessionId,
      state: job.state,
      text: job.outcome?.text ?? null,
      error: job.error,
      artifacts: artifacts.map(({ path }) => path),
    };
  }
}

/** What the log says of a published file. */
export const publishedEvent = (artifact: ArtifactEntry): JournalEvent => ({
  type: 'artifact.published',
  data: {
    path: artifact.path,
    size_bytes: artifact.sizeBytes,
    checksum_sha256: artifact.sha256,
    content_type: artifact.contentType,
  },
});
