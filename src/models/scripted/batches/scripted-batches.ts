import type { IncomingHttpHeaders } from 'node:http';
import type { FaultCounter } from '../fault-counter.ts';
import { newId } from '../new-id.ts';
import type { Note, RequestLog } from '../request-log.ts';
import type { Script, ScriptedBatchFault } from '../script.ts';
import { WireError } from '../wire-error.ts';
import type { WireFormat } from '../wire-format.ts';
import { answerRequest, type BatchItemResult } from './answer-request.ts';

/** One request of a batch, as its client named it. */
export interface BatchItem {
  readonly customId: string;
  readonly body: unknown;
}

export interface NewBatch {
  readonly format: WireFormat;
  readonly idPrefix: string;
  readonly items: readonly BatchItem[];
  readonly headers: IncomingHttpHeaders;
  /** What only one of the protocols knows of a batch. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** Why the provider refuses the batch as a whole, once it has looked at it; null when it does not. */
  readonly invalid: string | null;
  readonly fault: ScriptedBatchFault | null;
}

/** A batch that was handed in, as it stands by now. */
export interface ScriptedBatch extends Omit<NewBatch, 'fault' | 'headers'> {
  readonly id: string;
  readonly createdAt: Date;
  readonly state: 'running' | 'canceling' | 'ended' | 'failed';
  readonly cancelAt: Date | null;
  readonly endedAt: Date | null;
  /** Why it failed as a whole. */
  readonly error: string | null;
  /** True when the window ended before all requests did. */
  readonly isExpired: boolean;
  readonly results: ReadonlyMap<string, BatchItemResult>;
}

/** One request of a batch that failed as a whole: all that a protocol says of it where it knows no such batch. */
const failed = (message: string, format: WireFormat): BatchItemResult => ({
  kind: 'answered',
  status: 400,
  body: format.error(new WireError(400, message)),
});

interface Work {
  readonly batch: NewBatch;
  readonly notes: readonly Note[];
  readonly timer: NodeJS.Timeout;
}

interface Parts {
  readonly script: Script;
  readonly faults: FaultCounter;
  readonly log: RequestLog;
  /** Bodies of requests go to the log. */
  readonly keepsBodies: boolean;
}

/** The batches of both protocols: each ends after the script's delay, with the answers that its requests would have got alone. */
export class ScriptedBatches {
  readonly #script: Script;
  readonly #faults: FaultCounter;
  readonly #log: RequestLog;
  readonly #keepsBodies: boolean;
  readonly #batches = new Map<string, ScriptedBatch>();
  readonly #work = new Map<string, Work>();
  #created = 0;

  constructor(parts: Parts) {
    this.#script = parts.script;
    this.#faults = parts.faults;
    this.#log = parts.log;
    this.#keepsBodies = parts.keepsBodies;
  }

  /** What the script has for the next batch that is handed in. */
  nextFault(): ScriptedBatchFault | null {
    this.#created += 1;
    return this.#script.batches?.faults?.[this.#created - 1] ?? null;
  }

  start(batch: NewBatch, hadKey: boolean): ScriptedBatch {
    const id = newId(batch.idPrefix);
    const { format, idPrefix, items, facts, invalid } = batch;
    const begun: ScriptedBatch = {
      ...{ format, idPrefix, items, facts, invalid, id },
      ...{ createdAt: new Date(), state: 'running', cancelAt: null, endedAt: null, error: null, isExpired: false },
      results: new Map(),
    };
    const notes = invalid === null ? items.map((item) => this.#open(item, { format, id, hadKey })) : [];
    const timer = setTimeout(() => this.#end(id), this.#script.batches?.delayMs ?? 0);
    this.#batches.set(id, begun);
    this.#work.set(id, { batch, notes, timer });
    return begun;
  }

  get(id: string): ScriptedBatch | undefined {
    return this.#batches.get(id);
  }

  /** Those of a format, newest first. */
  list({ name }: WireFormat): readonly ScriptedBatch[] {
    return [...this.#batches.values()].filter(({ format }) => format.name === name).toReversed();
  }

  /** Ends a batch before its time; one that has ended stays as it is. */
  cancel(id: string): ScriptedBatch | undefined {
    const batch = this.#batches.get(id);
    if (batch === undefined || !this.#work.has(id)) return batch;
    const canceling: ScriptedBatch = { ...batch, state: 'canceling', cancelAt: new Date() };
    this.#batches.set(id, canceling);
    // As with the providers, the end comes after the answer.
    setImmediate(() => this.#end(id));
    return canceling;
  }

  delete(id: string): void {
    this.#batches.delete(id);
  }

  stop(): void {
    for (const { timer } of this.#work.values()) clearTimeout(timer);
    this.#work.clear();
  }

  #open(
    { body }: BatchItem,
    parts: { readonly format: WireFormat; readonly id: string; readonly hadKey: boolean },
  ): Note {
    const note = this.#log.open({ format: parts.format.name, hadKey: parts.hadKey });
    note(this.#keepsBodies ? { batch: parts.id, body } : { batch: parts.id });
    return note;
  }

  #end(id: string): void {
    const work = this.#work.get(id);
    const batch = this.#batches.get(id);
    if (work === undefined || batch === undefined) return;
    clearTimeout(work.timer);
    this.#work.delete(id);
    const error = batch.invalid ?? work.batch.fault?.failed ?? null;
    const isExpired = work.batch.fault?.expired === true;
    const { items, headers, format } = work.batch;
    const results = new Map<string, BatchItemResult>();
    for (const [index, { customId, body }] of items.entries()) {
      const note: Note = work.notes[index] ?? ((): void => {});
      if (error !== null || isExpired || batch.state === 'canceling') {
        note({ result: 'abandoned' });
        results.set(customId, error === null ? { kind: isExpired ? 'expired' : 'canceled' } : failed(error, format));
      } else {
        const parts = { script: this.#script, faults: this.#faults, format, headers, note };
        results.set(customId, answerRequest(body, parts));
      }
    }
    const state = error === null ? 'ended' : 'failed';
    this.#batches.set(id, { ...batch, state, endedAt: new Date(), error, isExpired, results });
  }
}
