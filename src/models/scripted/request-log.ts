import type { WireFormatName } from './wire-format.ts';

/** One request that a client made of a model, as it stands by now. */
export interface LoggedRequest {
  /** From 1, in order of arrival. */
  readonly number: number;
  readonly at: string;
  readonly format: WireFormatName;
  readonly model: string | null;
  readonly conversation: string | null;
  /** Index of the turn in its conversation, from 0. */
  readonly turn: number | null;
  readonly isStream: boolean;
  /** Id of the batch that the request came in; absent for a call of its own. */
  readonly batch?: string;
  /** True when the request carried an API key; the key itself is kept nowhere. */
  readonly hadKey: boolean;
  readonly messageCount: number | null;
  /** `open` until the answer has ended; `refused`: an error that the script did not ask for; `abandoned`: ended by the client or by stop(). */
  readonly result: 'open' | 'answered' | 'fault' | 'refused' | 'abandoned';
  /** The scripted fault that was served, such as `status 429`, or why the request was refused. */
  readonly fault: string | null;
  /** HTTP status; null as long as nothing was sent. */
  readonly status: number | null;
  /** True when the client went before it had the whole answer. */
  readonly clientLeft: boolean;
  /** Null until the answer has ended. */
  readonly durationMs: number | null;
  /** The parsed body, when the server was told to keep bodies. */
  readonly body?: unknown;
}

/** Adds to one request of the log. A result ends it; what is noted later is dropped. */
export type Note = (facts: Partial<Omit<LoggedRequest, 'number' | 'at'>>) => void;

/** A server that runs for days keeps this many, and forgets the oldest. */
const MAX_REQUESTS = 100_000;

/** What was asked of the model, in order of arrival. */
export class RequestLog {
  readonly #requests: LoggedRequest[] = [];
  readonly #watchers = new Set<() => void>();
  readonly #write: ((request: LoggedRequest) => void) | undefined;
  #count = 0;

  /** `write` gets every request once, when it has ended. */
  constructor(write?: (request: LoggedRequest) => void) {
    this.#write = write;
  }

  /** Live: entries appear at arrival, and are replaced as more is known. */
  get requests(): readonly LoggedRequest[] {
    return this.#requests;
  }

  open(start: Pick<LoggedRequest, 'format' | 'hadKey'>): Note {
    this.#count += 1;
    if (this.#requests.length >= MAX_REQUESTS) this.#requests.splice(0, MAX_REQUESTS / 10);
    const number = this.#count;
    let entry: LoggedRequest = { number, at: new Date().toISOString(), ...start, ...EMPTY };
    this.#requests.push(entry);
    const startedAt = performance.now();
    const note: Note = (facts) => {
      if (entry.result !== 'open') return;
      const index = this.#requests.length - 1 - (this.#count - number);
      const isEnd = facts.result !== undefined;
      entry = { ...entry, ...facts, ...(isEnd ? { durationMs: Math.round(performance.now() - startedAt) } : {}) };
      if (index >= 0) this.#requests[index] = entry;
      if (isEnd) this.#write?.(entry);
      for (const look of this.#watchers) look();
    };
    note({});
    return note;
  }

  /** Resolves to the first request, of before or of later, that the test holds for. Rejects when the signal is aborted. */
  async waitFor(
    test: (request: LoggedRequest) => boolean,
    { signal }: { readonly signal?: AbortSignal } = {},
  ): Promise<LoggedRequest> {
    const { promise, resolve, reject } = Promise.withResolvers<LoggedRequest>();
    const look = (): void => {
      const found = this.#requests.find(test);
      if (found !== undefined) resolve(found);
    };
    const onAbort = (): void => reject(signal?.reason instanceof Error ? signal.reason : new Error('aborted'));
    this.#watchers.add(look);
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      look();
      if (signal?.aborted === true) onAbort();
      return await promise;
    } finally {
      this.#watchers.delete(look);
      signal?.removeEventListener('abort', onAbort);
    }
  }
}

const EMPTY = {
  model: null,
  conversation: null,
  turn: null,
  isStream: false,
  messageCount: null,
  result: 'open',
  fault: null,
  status: null,
  clientLeft: false,
  durationMs: null,
} as const;
