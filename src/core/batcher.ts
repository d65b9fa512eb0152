/** How a Batcher groups and runs what it is given. */
export interface BatcherOptions<Item, Answer> {
  /** Does a batch; answers in the order of the items. */
  readonly run: (items: readonly Item[]) => Promise<readonly Answer[]>;
  readonly maxItems: number;
  readonly maxInFlight: number;
  /** Items of one key are never in the same batch, nor in two batches at once; undefined = free. */
  readonly exclusiveKey?: (item: Item) => string | undefined;
  /** Where more items wait than a batch takes, it takes one of each group in turn; undefined = first come, first served. */
  readonly group?: (item: Item) => string;
  /** After a batch failed with this error: true tries its items one by one, false fails them all. */
  readonly canSplit: (error: unknown) => boolean;
}

interface Waiting<Item, Answer> {
  readonly item: Item;
  readonly key: string | undefined;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Gathers concurrent requests into batches: whatever came in while others were under way goes out together, so a lone
 * request never waits and a crowd shares one round trip. Holds no timer and nothing to stop.
 */
export class Batcher<Item, Answer> {
  readonly #options: BatcherOptions<Item, Answer>;
  readonly #busyKeys = new Set<string>();
  #waiting: Waiting<Item, Answer>[] = [];
  #inFlight = 0;
  #isScheduled = false;

  constructor(options: BatcherOptions<Item, Answer>) {
    this.#options = options;
  }

  /** Items that wait or are under way. */
  get size(): number {
    return this.#waiting.length + this.#inFlight;
  }

  async add(item: Item): Promise<Answer> {
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    this.#waiting.push({ item, key: this.#options.exclusiveKey?.(item), resolve, reject });
    this.#schedule();
    return await promise;
  }

  /** Lets the current turn of the event loop add its items first. */
  #schedule(): void {
    if (this.#isScheduled || this.#inFlight >= this.#options.maxInFlight) return;
    this.#isScheduled = true;
    setImmediate(() => {
      this.#isScheduled = false;
      this.#pump();
    });
  }

  #pump(): void {
    while (this.#inFlight < this.#options.maxInFlight && this.#waiting.length > 0) {
      const batch = this.#take();
      if (batch.length === 0) return;
      this.#inFlight += 1;
      void this.#send(batch);
    }
  }

  #take(): Waiting<Item, Answer>[] {
    const { group, maxItems } = this.#options;
    if (group && this.#waiting.length > maxItems) this.#waiting = takeTurns(this.#waiting, ({ item }) => group(item));
    const batch: Waiting<Item, Answer>[] = [];
    const later: Waiting<Item, Answer>[] = [];
    let position = 0;
    for (; position < this.#waiting.length && batch.length < maxItems; position += 1) {
      const entry = this.#waiting[position];
      if (entry === undefined) continue;
      if (entry.key !== undefined && this.#busyKeys.has(entry.key)) {
        later.push(entry);
        continue;
      }
      if (entry.key !== undefined) this.#busyKeys.add(entry.key);
      batch.push(entry);
    }
    this.#waiting = later.concat(this.#waiting.slice(position));
    return batch;
  }

  async #send(batch: readonly Waiting<Item, Answer>[]): Promise<void> {
    try {
      const answers = await this.#options.run(batch.map((entry) => entry.item));
      batch.forEach((entry, place) => {
        const answer = answers[place];
        if (answer === undefined) entry.reject(new Error('a batch gave no answer for one of its items'));
        else entry.resolve(answer);
      });
    } catch (error) {
      if (batch.length > 1 && this.#options.canSplit(error)) await this.#sendAlone(batch);
      else for (const entry of batch) entry.reject(error);
    } finally {
      for (const entry of batch) if (entry.key !== undefined) this.#busyKeys.delete(entry.key);
      this.#inFlight -= 1;
      this.#schedule();
    }
  }

  async #sendAlone(batch: readonly Waiting<Item, Answer>[]): Promise<void> {
    for (const entry of batch) {
      try {
        const [answer] = await this.#options.run([entry.item]);
        if (answer === undefined) entry.reject(new Error('a batch gave no answer for its item'));
        else entry.resolve(answer);
      } catch (error) {
        entry.reject(error);
      }
    }
  }
}

/** The entries with one of each group first, then the second of each, and so on; within a group the order stays. */
const takeTurns = <Entry>(entries: readonly Entry[], groupOf: (entry: Entry) => string): Entry[] => {
  const rounds: Entry[][] = [];
  const seen = new Map<string, number>();
  for (const entry of entries) {
    const key = groupOf(entry);
    const round = seen.get(key) ?? 0;
    seen.set(key, round + 1);
    const turn = rounds[round];
    if (turn) turn.push(entry);
    else rounds.push([entry]);
  }
  return rounds.flat();
};
