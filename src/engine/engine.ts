import type { Logger } from 'pino';
import type { ActionContext } from '../actions/context.ts';
import type { Agent, RuntimeName } from '../core/agent.ts';
import { KaziError } from '../core/errors.ts';
import type { ClaimedJob } from '../core/job.ts';
import type { NodeRole } from '../core/node.ts';
import type { Runtime } from '../runtimes/runtime.ts';
import { listArtifacts } from '../storage/artifacts.ts';
import type { Database } from '../storage/database.ts';
import type { Notifications } from '../storage/notifications.ts';
import { listSteps } from '../storage/steps.ts';
import { BatchFinisher } from './batch-finisher.ts';
import { Deliverer, type DelivererOptions } from './deliverer.ts';
import { Dispatcher } from './dispatcher.ts';
import { JobRequests } from './job-requests.ts';
import type { JobRunOptions } from './job-run.ts';
import { Journal } from './journal.ts';
import type { LifeSign } from './life-sign.ts';
import { ModelBatcher, type ModelBatcherOptions } from './model-batcher.ts';
import { NodeLease } from './node-lease.ts';
import type { Poller } from './poller.ts';
import { createPromptExpirer } from './prompt-expirer.ts';
import { createPruner } from './pruner.ts';
import { createRescuer } from './rescuer.ts';
import { Runner } from './runner.ts';
import { Scheduler } from './scheduler.ts';
import { StepBoundary } from './step-boundary.ts';
import type { Workbenches } from './workbench.ts';

export interface EngineOptions {
  /** What jobs hand in goes through it. */
  readonly context: ActionContext;
  /** The engine's own connections. */
  readonly db: Database;
  readonly log: Logger;
  readonly notifications: Notifications;
  readonly workbenches: Workbenches;
  readonly runtimes: readonly Runtime[];
  /** Finds the agent that a job was accepted with. */
  readonly findAgent: (job: ClaimedJob) => Promise<Agent>;
  readonly role: NodeRole;
  readonly address: string;
  /** The engine starts and stops it. */
  readonly lifeSign: LifeSign;
  readonly leaseMs: number;
  readonly pollMs: number;
  readonly concurrency: number;
  readonly tenantCap: number;
  readonly jobTimeoutMs: number;
  readonly maxAttempts: number;
  /** Null = events are kept for good. */
  readonly eventRetentionMs: number | null;
  readonly drainMs: number;
  /** How calls of models go through batches of their providers. */
  readonly modelBatches: Pick<ModelBatcherOptions, 'batches' | 'batchWindowMs' | 'batchPollMs'>;
  /** How webhooks are sent. */
  readonly webhooks: Pick<DelivererOptions, 'egress' | 'allowPrivate' | 'renderJob' | 'waitMs' | 'disableAfter'>;
  /** How mails are answered. */
  readonly mail: Pick<DelivererOptions, 'mailer' | 'renderMail'>;
}

/** A crashed job is picked up within its lease and this. */
const RESCUE_EVERY_MS = 500;

/** Everything that runs jobs on one node, started and stopped in the order that loses nothing. */
export class Engine {
  readonly #options: EngineOptions;
  readonly #lease: NodeLease;
  readonly #runner: Runner;
  readonly #dispatcher: Dispatcher;
  readonly #rescuer: Poller;
  readonly #pruner: Poller;
  readonly #expirer: Poller;
  readonly #deliverer: Deliverer;
  readonly #scheduler: Scheduler;
  readonly #finisher: BatchFinisher;
  readonly #batcher: ModelBatcher;
  readonly #runtimes: ReadonlyMap<RuntimeName, Runtime>;
  #stopping: Promise<void> | undefined;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.#runtimes = new Map(options.runtimes.map((runtime) => [runtime.name, runtime]));
    this.#lease = new NodeLease(options);
    const journal = new Journal(options);
    this.#runner = new Runner({
      ...options,
      lease: this.#lease,
      journal,
      load: async (job) => await this.#load(job),
      serve: (run) => new JobRequests({ ...run, context: options.context, db: options.db }),
      boundary: (run) => new StepBoundary({ ...run, context: options.context, db: options.db }),
      listPublished: async (job) => (await listArtifacts(options.db, job.id)).map(({ path }) => path),
    });
    this.#dispatcher = new Dispatcher({ ...options, lease: this.#lease, runner: this.#runner });
    this.#rescuer = createRescuer({ ...options, everyMs: RESCUE_EVERY_MS });
    this.#pruner = createPruner(options);
    this.#expirer = createPromptExpirer(options);
    const { keyring } = options.context;
    this.#deliverer = new Deliverer({ ...options, ...options.webhooks, ...options.mail, keyring, lease: this.#lease });
    this.#runner.onEnded((jobId) => this.#deliverer.hintJob(jobId));
    this.#scheduler = new Scheduler(options);
    this.#finisher = new BatchFinisher(options);
    this.#runner.onEnded(() => this.#finisher.hint());
    this.#batcher = new ModelBatcher({ ...options, ...options.modelBatches, lease: this.#lease });
  }

  /** Jobs that run here now. */
  get running(): number {
    return this.#runner.size;
  }

  /** Id of this node; undefined while it has no lease. */
  get nodeId(): number | undefined {
    return this.#lease.nodeId;
  }

  /** True while this node claims work; for /readyz. */
  get isClaiming(): boolean {
    return this.#lease.nodeId !== undefined && this.#dispatcher.isClaiming;
  }

  /** Called for every run that has ended on this node, after its end is committed: a signal for tests and benchmarks. Returns its end. */
  onJobEnded(listener: (jobId: string) => void): () => void {
    return this.#runner.onEnded(listener);
  }

  async start(): Promise<void> {
    this.#options.lifeSign.start();
    await this.#lease.start();
    this.#runner.start();
    this.#rescuer.start();
    // What dead nodes held is claimed before what only waits.
    await this.#rescuer.firstLook;
    this.#dispatcher.start();
    this.#pruner.start();
    this.#expirer.start();
    this.#deliverer.start();
    this.#scheduler.start();
    this.#finisher.start();
    this.#batcher.start();
  }

  /** Claims no more, sees its jobs to their end or hands them back, gives up its lease. Safe twice. */
  async stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    await this.#stopping;
  }

  async #stop(): Promise<void> {
    await Promise.all([this.#scheduler.stop(), this.#dispatcher.stop()]);
    await this.#runner.stop(this.#options.drainMs);
    await Promise.all([
      this.#rescuer.stop(),
      this.#pruner.stop(),
      this.#expirer.stop(),
      this.#deliverer.stop(),
      this.#finisher.stop(),
      this.#batcher.stop(),
    ]);
    await this.#lease.stop();
    this.#options.lifeSign.stop();
  }

  async #load(job: ClaimedJob): ReturnType<JobRunOptions['load']> {
    const agent = await this.#options.findAgent(job);
    const runtime = this.#runtimes.get(agent.runtime);
    if (!runtime) throw new KaziError('NO_RUNTIME', { agent: agent.name, runtime: agent.runtime });
    // A first attempt has no journal to go on from.
    const steps = job.attempts > 1 ? await listSteps(this.#options.db, job.id) : [];
    return { agent, runtime, steps };
  }
}
