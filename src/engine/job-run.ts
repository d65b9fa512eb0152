import type { Logger } from 'pino';
import type { Agent } from '../core/agent.ts';
import type { ArtifactEntry } from '../core/artifact.ts';
import { backoffMs } from '../core/backoff.ts';
import { isKaziError, KaziError } from '../core/errors.ts';
import type { ClaimedJob, JobOutcome } from '../core/job.ts';
import type { JobFinish, JournalEvent, Step } from '../core/journal.ts';
import type { RunContext, RunPark, RunResult, RunServices, Runtime } from '../runtimes/runtime.ts';
import { JobLog } from './job-log.ts';
import { publishedEvent } from './job-requests.ts';
import type { Journal } from './journal.ts';
import { RunStop, type StopCause, stopCause } from './run-stop.ts';
import type { StepBoundary } from './step-boundary.ts';
import type { Workbench } from './workbench.ts';

export interface JobRunOptions {
  readonly job: ClaimedJob;
  readonly journal: Journal;
  readonly workbench: Workbench;
  readonly log: Logger;
  /** Longest running time of one attempt. */
  readonly timeoutMs: number;
  readonly maxAttempts: number;
  /** Finds the agent that the job was accepted with, its loop, and what earlier attempts journaled. */
  readonly load: (
    job: ClaimedJob,
  ) => Promise<{ readonly agent: Agent; readonly runtime: Runtime; readonly steps: readonly Step[] }>;
  /** What kazi does for the run beyond its journal. */
  readonly serve: (run: {
    readonly job: ClaimedJob;
    readonly agent: Agent;
    readonly log: JobLog;
    readonly workbench: Workbench;
  }) => RunServices;
  /** Where it can be stopped, and spoken to. */
  readonly boundary: (run: {
    readonly job: ClaimedJob;
    readonly log: JobLog;
    readonly controller: AbortController;
  }) => StepBoundary;
  /** Paths that the job has published already. */
  readonly listPublished: (job: ClaimedJob) => Promise<readonly string[]>;
}

/** How an attempt ended for its node. `release`: the job goes back to its queue after the delay. */
export type RunEnd =
  | { readonly kind: 'finished' | 'lost' }
  | {
      readonly kind: 'release';
      readonly delayMs: number;
      readonly reason: string;
      /** True when the attempt was the job's own: one that has used them all fails instead of trying for ever. */
      readonly isAttemptUsed: boolean;
    }
  /** It waits without a process, until it is woken or the time is over. */
  | { readonly kind: 'park'; readonly wakeAfterMs: number; readonly reason: string };

/** One attempt of one job, from its claim to its end. */
export class JobRun {
  readonly #options: JobRunOptions;
  readonly #controller = new AbortController();
  readonly #log: JobLog;
  readonly #boundary: StepBoundary;
  readonly #startedAtMs = performance.now();
  #sandboxNoted: Promise<void> | undefined;

  constructor(options: JobRunOptions) {
    this.#options = options;
    const { job, journal, boundary } = options;
    this.#log = new JobLog(job, journal, this.#controller);
    this.#boundary = boundary({ job, log: this.#log, controller: this.#controller });
  }

  get job(): ClaimedJob {
    return this.#options.job;
  }

  /** Asks the run to stop; the first cause counts, but a lost lease always ends its writing. */
  stop(cause: StopCause): void {
    if (cause === 'lease_lost') this.#log.declareLost();
    this.#controller.abort(new RunStop(cause));
  }

  /** Has the run look at what there is to tell it, before its next step. */
  async notice(): Promise<void> {
    await this.#boundary.notice();
  }

  /** Runs to the end. Never rejects. */
  async execute(): Promise<RunEnd> {
    const { timeoutMs, workbench, log, job } = this.#options;
    const timeout = setTimeout(() => this.stop('timeout'), timeoutMs);
    try {
      const result = await this.#runAgent();
      return await this.#finish(result);
    } catch (error) {
      if (isKaziError(error, 'LEASE_LOST')) return { kind: 'lost' };
      log.error({ err: error, job: job.id }, 'the end of a job could not be written');
      return await this.#endWithout(error);
    } finally {
      clearTimeout(timeout);
      await workbench
        .close()
        .catch((error: unknown) => log.warn({ err: error, job: job.id }, 'a sandbox did not close'));
      await this.#log.close();
    }
  }

  /** The end itself was refused: another attempt may fare better, but the last one must not leave the job going round. */
  async #endWithout(error: unknown): Promise<RunEnd> {
    const { job, maxAttempts } = this.#options;
    const again: RunEnd = {
      kind: 'release',
      delayMs: 1_000,
      reason: 'Its end could not be written',
      isAttemptUsed: true,
    };
    if (job.attempts < maxAttempts) return again;
    try {
      const finish = this.#toFinish(failedResult(describeFault(error)), stopCause(this.#controller.signal));
      await this.#log.write({ events: [{ type: 'job.failed', data: { error: finish.error } }], finish });
      return { kind: 'finished' };
    } catch (second) {
      return isKaziError(second, 'LEASE_LOST') ? { kind: 'lost' } : again;
    }
  }

  async #runAgent(): Promise<RunResult | RunPark | RunEnd> {
    const { job, load, log, maxAttempts } = this.#options;
    try {
      const { agent, runtime, steps } = await load(job);
      // What came before this attempt has nobody to announce it any more.
      if (job.attempts > 1) await this.#log.ask(async () => await this.#boundary.notice());
      return await runtime.run(this.#context(agent, steps));
    } catch (error) {
      if (isKaziError(error, 'LEASE_LOST')) return { kind: 'lost' };
      const message = error instanceof Error ? error.message : String(error);
      if (stopCause(this.#controller.signal) === undefined) {
        log.warn({ err: error, job: job.id, attempt: job.attempts }, 'a run failed');
        if (error instanceof KaziError && error.retryable && job.attempts < maxAttempts) {
          const delayMs = backoffMs({ attempt: job.attempts, firstMs: 1_000, longestMs: 60_000, random: Math.random });
          return { kind: 'release', delayMs, reason: message, isAttemptUsed: true };
        }
      }
      return failedResult(describeFault(error));
    }
  }

  #context(agent: Agent, steps: readonly Step[]): RunContext {
    const { job, workbench, serve } = this.#options;
    const journal = new Map(steps.map((step) => [step.ordinal, step]));
    const boundary = this.#boundary;
    return {
      job,
      agent,
      journal,
      signal: this.#controller.signal,
      write: async (events) => await this.#log.write({ events }),
      emitOutput: (output) => this.#log.emitOutput(output),
      emitDelta: (delta) => this.#log.emitDelta(delta),
      get isStopAsked() {
        return boundary.isStopping;
      },
      stopIfAsked: async () => await boundary.stopIfAsked(),
      takeInputs: async (ordinal, isAsked = false) => await boundary.takeInputs(ordinal, journal, isAsked),
      services: serve({ job, agent, log: this.#log, workbench }),
      openSandbox: async () => {
        const { sandboxId, sandbox } = await workbench.openSandbox();
        // Once: it is the same for the whole attempt, and every tool asks for it.
        await (this.#sandboxNoted ??= this.#log.write({ events: [], sandboxId }));
        return sandbox;
      },
    };
  }

  async #finish(outcome: RunResult | RunPark | RunEnd): Promise<RunEnd> {
    const { workbench, job } = this.#options;
    const cause = stopCause(this.#controller.signal);
    if (cause === 'lease_lost') return { kind: 'lost' };
    if ('kind' in outcome) return outcome;
    if (outcome.state === 'parked' && cause !== 'canceled') {
      return { kind: 'park', wakeAfterMs: outcome.wakeAfterMs, reason: outcome.reason };
    }
    const result = outcome.state === 'parked' ? failedResult('') : outcome;
    if (cause === 'draining' && result.state !== 'complete') {
      return { kind: 'release', delayMs: 0, reason: 'Its node was shut down', isAttemptUsed: false };
    }
    await workbench.close();
    const artifacts = await this.#collectArtifacts();
    const finish = this.#toFinish(result, cause);
    const end: JournalEvent = {
      type: finish.state === 'complete' ? 'job.completed' : 'job.failed',
      data: finish.error === null ? {} : { error: finish.error },
    };
    await this.#log.write({ events: [...result.events, ...artifacts.map(publishedEvent), end], artifacts, finish });
    await workbench.forget();
    this.#options.log.info({ job: job.id, state: cause === 'canceled' ? 'canceled' : finish.state }, 'job ended');
    return { kind: 'finished' };
  }

  /** What the job made, without what it has published before its end: that keeps its first content. */
  async #collectArtifacts(): Promise<readonly ArtifactEntry[]> {
    const artifacts = await this.#options.workbench.collectArtifacts();
    if (artifacts.length === 0) return artifacts;
    const published = new Set(await this.#log.ask(async () => await this.#options.listPublished(this.#options.job)));
    return artifacts.filter(({ path }) => !published.has(path));
  }

  /** The database keeps a canceled job canceled, whatever state stands here. */
  #toFinish(result: RunResult, cause: StopCause | undefined): JobFinish {
    const durationMs = Math.round(performance.now() - this.#startedAtMs);
    const outcome: JobOutcome = { ...result.outcome, durationMs };
    if (cause === 'canceled') {
      return { state: 'failed', error: null, outcome: { ...outcome, subtype: 'cancelled', isError: false } };
    }
    if (cause === 'timeout' && result.state !== 'complete') {
      const error = `Job timed out after ${this.#options.timeoutMs / 1_000} seconds`;
      return { state: 'failed', error, outcome: { ...outcome, subtype: 'error', isError: true } };
    }
    return { state: result.state, error: result.error, outcome };
  }
}

/** Our own errors say what to do; a defect's text may hold anything, and is in the log. */
const describeFault = (error: unknown): string =>
  error instanceof KaziError ? error.message : 'The run failed inside kazi; the server log has the cause.';

const failedResult = (error: string): RunResult => ({
  state: 'failed',
  error,
  events: [],
  outcome: {
    text: null,
    subtype: 'error',
    isError: true,
    turns: 0,
    toolCalls: 0,
    apiDurationMs: 0,
    usage: null,
    costMicros: 0,
    models: [],
  },
});
