import { cancelRun } from '../actions/cancel-run.ts';
import type { ActionContext } from '../actions/context.ts';
import type { ClaimedJob } from '../core/job.ts';
import type { Step } from '../core/journal.ts';
import type { Database } from '../storage/database.ts';
import { listTakenInputs, takeInputs } from '../storage/prompts.ts';
import { takeNotice } from '../storage/stops.ts';
import type { JobLog } from './job-log.ts';
import { RunStop } from './run-stop.ts';

export interface StepBoundaryOptions {
  readonly job: ClaimedJob;
  readonly log: JobLog;
  readonly context: ActionContext;
  /** The engine's own connections. */
  readonly db: Database;
  readonly controller: AbortController;
}

/**
 * The places between the steps of one attempt, where it can be stopped without tearing anything, and where input that was
 * handed over meanwhile joins it. Costs a run nothing that nobody has news for.
 */
export class StepBoundary {
  readonly #options: StepBoundaryOptions;
  #isStopping = false;
  #hasInput = false;
  #taken: Promise<ReadonlyMap<number, readonly string[]>> | undefined;

  constructor(options: StepBoundaryOptions) {
    this.#options = options;
  }

  /** True when somebody asked for the end of the run, as far as this node knows. */
  get isStopping(): boolean {
    return this.#isStopping;
  }

  /** Looks at what there is to tell the run. A failure is harmless: the reconciliation asks for another look. */
  async notice(): Promise<void> {
    const { db, job } = this.#options;
    const { isStopping, hasInput } = await takeNotice(db, job.sessionNum, job.id);
    this.#isStopping ||= isStopping;
    this.#hasInput ||= hasInput;
  }

  /** Ends the run here when somebody asked for it; its signal is aborted then. */
  async stopIfAsked(): Promise<void> {
    const { context, job, log, controller } = this.#options;
    if (!this.#isStopping || controller.signal.aborted) return;
    await log.ask(async () => await cancelRun(context, job.id, 'stopped'));
    controller.abort(new RunStop('canceled'));
  }

  /** What people said to the run before the step with that ordinal; the same again at a later attempt. */
  async takeInputs(ordinal: number, journal: ReadonlyMap<number, Step>, isAsked: boolean): Promise<readonly string[]> {
    const { db, job, log } = this.#options;
    const earlier = job.attempts > 1 ? ((await this.#takenBefore()).get(ordinal) ?? []) : [];
    // What comes now was not said before a step that is done, or whose call is on its way.
    if (!this.#hasInput || isAsked || journal.get(ordinal)?.state === 'finished') return earlier;
    this.#hasInput = false;
    const taker = { sessionNum: job.sessionNum, jobId: job.id, leaseId: job.leaseId };
    return await log.ask(async () => await takeInputs(db, taker, ordinal));
  }

  async #takenBefore(): Promise<ReadonlyMap<number, readonly string[]>> {
    const { db, job, log } = this.#options;
    this.#taken ??= log
      .ask(async () => await listTakenInputs(db, { sessionNum: job.sessionNum, jobId: job.id }))
      .then((inputs) => Map.groupBy(inputs, ({ ordinal }) => ordinal))
      .then((groups) => new Map([...groups].map(([ordinal, inputs]) => [ordinal, inputs.map(({ text }) => text)])));
    return await this.#taken;
  }
}
