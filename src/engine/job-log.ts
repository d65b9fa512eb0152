import type { ArtifactEntry } from '../core/artifact.ts';
import { KaziError } from '../core/errors.ts';
import type { ClaimedJob } from '../core/job.ts';
import type { JobFinish, JournalEntry, JournalEvent } from '../core/journal.ts';
import type { MessageDelta } from '../runtimes/runtime.ts';
import type { JournalAnswer } from '../storage/held-jobs.ts';
import type { Journal } from './journal.ts';
import { RunStop } from './run-stop.ts';
import { untilAnswered } from './until-answered.ts';

/** How long output is gathered before it is written (design, section 4). */
const OUTPUT_MS = 50;
/** Longest text of one output event. */
const OUTPUT_CHARACTERS = 32_768;

/** Text that is gathered: what has the same key is one event. */
interface Gathered {
  readonly key: string;
  readonly type: 'output.written' | 'message.delta';
  readonly data: { readonly step: number } & Readonly<Record<string, unknown>>;
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
  #gathered: Gathered[] = [];
  /** Pieces of messages that were written after this seq may still have to go. */
  #wholeUntilSeq = 0;
  #hasDeltas: boolean;
  #flush: NodeJS.Timeout | undefined;
  #isLost = false;
  #isClosed = false;

  constructor(job: ClaimedJob, journal: Journal, controller: AbortController) {
    this.#job = job;
    this.#journal = journal;
    this.#controller = controller;
    // An earlier attempt may have left pieces behind.
    this.#hasDeltas = job.attempts > 1;
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
    this.#takeGathered();
    await this.#last;
  }

  /** Gathers output; it is written within OUTPUT_MS, or with the next write. */
  emitOutput(output: { readonly step: number; readonly stream: 'stdout' | 'stderr'; readonly text: string }): void {
    const { step, stream, text } = output;
    this.#gather({ key: `${step} ${stream}`, type: 'output.written', data: { step, stream }, text });
  }

  /** Gathers a piece of a message in the same way. All pieces of a step go when its message is written. */
  emitDelta({ step, part, text, toolCallId, toolName }: MessageDelta): void {
    this.#hasDeltas = true;
    const call = toolCallId === undefined ? {} : { tool_call_id: toolCallId, tool_name: toolName };
    this.#gather({
      key: `${step} ${part} ${toolCallId ?? ''}`,
      type: 'message.delta',
      data: { step, part, ...call },
      text,
    });
  }

  #gather(piece: Gathered): void {
    if (this.#isClosed) return;
    const newest = this.#gathered.at(-1);
    if (newest?.key === piece.key && newest.text.length + piece.text.length <= OUTPUT_CHARACTERS) {
      newest.text += piece.text;
    } else {
      this.#gathered.push(piece);
    }
    this.#flush ??= setTimeout(() => {
      // A failure here shows at the run's next write, or as the lost lease that caused it.
      this.write({ events: [] }).catch(() => undefined);
    }, OUTPUT_MS);
  }

  async #commit(write: Write): Promise<void> {
    const whole = this.#hasDeltas ? wholeStep(write.events) : undefined;
    const events = [...this.#takeGathered(whole), ...write.events];
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
      ...(whole === undefined ? {} : { compact: { step: whole, afterSeq: this.#wholeUntilSeq } }),
    });
    if (answer.outcome === 'lost') {
      this.declareLost();
      this.#controller.abort(new RunStop('lease_lost'));
      throw this.#leaseLost();
    }
    if (answer.isCanceled) this.#controller.abort(new RunStop('canceled'));
    if (whole === undefined || answer.lastSeq === null) return;
    this.#wholeUntilSeq = answer.lastSeq;
    this.#hasDeltas = this.#gathered.some(({ type }) => type === 'message.delta');
  }

  /** What was gathered, without the pieces of a step that is written whole now. */
  #takeGathered(wholeStepOrdinal?: number): JournalEvent[] {
    clearTimeout(this.#flush);
    this.#flush = undefined;
    const gathered = this.#gathered;
    this.#gathered = [];
    return gathered
      .filter(({ type, data }) => type !== 'message.delta' || data.step !== wholeStepOrdinal)
      .map(({ type, data, text }) => ({ type, data: { ...data, text } }));
  }

  /** Asks the database something about the job, as often as it takes, until the lease is lost. Throws LEASE_LOST then. */
  async ask<Answer>(question: () => Promise<Answer>): Promise<Answer> {
    return await untilAnswered(question, (error) => (this.#isLost ? this.#leaseLost(error) : undefined));
  }

  async #send(entry: JournalEntry): Promise<JournalAnswer> {
    return await this.ask(async () => await this.#journal.write(entry));
  }

  #leaseLost(cause?: unknown): KaziError {
    return new KaziError('LEASE_LOST', { job: this.#job.id, lease: this.#job.leaseId }, { cause });
  }
}

/** The model step whose pieces end with this write: its message is here, or the call is made again from its start. */
const wholeStep = (events: readonly JournalEvent[]): number | undefined => {
  for (const { type, data, step } of events) {
    if (step?.kind === 'model' && step.state !== 'started') return step.ordinal;
    if (type === 'model_call.retried' && typeof data?.['step'] === 'number') return data['step'];
  }
  return undefined;
};
