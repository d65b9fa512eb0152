import type { ArtifactEntry } from '../core/artifact.ts';
import { backoffMs } from '../core/backoff.ts';
import { KaziError } from '../core/errors.ts';
import type { ClaimedJob } from '../core/job.ts';
import type { JobFinish, JournalEntry, JournalEvent } from '../core/journal.ts';
import { isDatabaseUnavailable } from '../storage/database.ts';
import type { JournalAnswer } from '../storage/held-jobs.ts';
import type { Journal } from './journal.ts';
import { RunStop } from './run-stop.ts';
import { waitFor } from './wait.ts';

/** How long output is gathered before it is written (design, section 4). */
const OUTPUT_MS = 50;
/** Longest text of one output event. */
const OUTPUT_CHARACTERS = 32_768;

interface Output {
  readonly step: number;
  readonly stream: 'stdout' | 'stderr';
  text: string;
}

interface Write {
  readonly events: readonly JournalEvent[];
  readonly artifacts?: readonly ArtifactEntry[];
  readonly finish?: JobFinish;
  readonly sandboxId?: string;
}

/**
 * Everything that one attempt of a job writes, in order: each write waits for the one before it, carries the next number,
 * and takes the output that was gathered meanwhile along. A write is repeated until the database answers or the lease is
 * lost, and never takes effect twice.
 */
export class JobLog {
  readonly #job: ClaimedJob;
  readonly #journal: Journal;
  readonly #controller: AbortController;
  #writeNum = 0;
  #last: Promise<unknown> = Promise.resolve();
  #output: Output[] = [];
  #flush: NodeJS.Timeout | undefined;
  #isLost = false;
  #isClosed = false;

  constructor(job: ClaimedJob, journal: Journal, controller: AbortController) {
    this.#job = job;
    this.#journal = journal;
    this.#controller = controller;
  }

  /** Resolves after the commit. Throws LEASE_LOST when the job is another claim's: nothing was written then. */
  async write(write: Write): Promise<void> {
    const mine = this.#last.then(async () => await this.#commit(write));
    // The chain goes on after a failure; whoever awaits this write sees it.
    this.#last = mine.catch(() => undefined);
    await mine;
  }

  /** For whoever learns that the node's lease is gone: writes that wait for the database are given up. */
  declareLost(): void {
    this.#isLost = true;
  }

  /** Drops output that nobody waits for, and waits for the write under way: nothing of this attempt is written afterwards. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#takeOutput();
    await this.#last;
  }

  /** Gathers output; it is written within OUTPUT_MS, or with the next write. */
  emitOutput(output: { readonly step: number; readonly stream: 'stdout' | 'stderr'; readonly text: string }): void {
    if (this.#isClosed) return;
    const newest = this.#output.at(-1);
    if (
      newest &&
      newest.step === output.step &&
      newest.stream === output.stream &&
      newest.text.length + output.text.length <= OUTPUT_CHARACTERS
    ) {
      newest.text += output.text;
    } else {
      this.#output.push({ ...output });
    }
    this.#flush ??= setTimeout(() => {
      // A failure here shows at the run's next write, or as the lost lease that caused it.
      this.write({ events: [] }).catch(() => undefined);
    }, OUTPUT_MS);
  }

  async #commit(write: Write): Promise<void> {
    const events = [...this.#takeOutput(), ...write.events];
    if (events.length === 0 && write.finish === undefined && write.sandboxId === undefined) return;
    this.#writeNum += 1;
    const answer = await this.#send({
      jobId: this.#job.id,
      sessionNum: this.#job.sessionNum,
      attempt: this.#job.attempts,
      leaseId: this.#job.leaseId,
      writeNum: this.#writeNum,
      events,
      artifacts: write.artifacts ?? [],
      finish: write.finish ?? null,
      sandboxId: write.sandboxId ?? null,
    });
    if (answer.outcome === 'lost') {
      this.declareLost();
      this.#controller.abort(new RunStop('lease_lost'));
      throw this.#leaseLost();
    }
    if (answer.isCanceled) this.#controller.abort(new RunStop('canceled'));
  }

  #takeOutput(): JournalEvent[] {
    clearTimeout(this.#flush);
    this.#flush = undefined;
    const output = this.#output;
    this.#output = [];
    return output.map(({ step, stream, text }) => ({ type: 'output.written', data: { step, stream, text } }));
  }

  async #send(entry: JournalEntry): Promise<JournalAnswer> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#journal.write(entry);
      } catch (error) {
        if (!isDatabaseUnavailable(error)) throw error;
        if (this.#isLost) throw this.#leaseLost(error);
        await waitFor(50 + backoffMs({ attempt, firstMs: 100, longestMs: 1_000, random: Math.random }));
      }
    }
  }

  #leaseLost(cause?: unknown): KaziError {
    return new KaziError('LEASE_LOST', { job: this.#job.id, lease: this.#job.leaseId }, { cause });
  }
}
