import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { JobClient } from './job-client.ts';
import { ledgerScript } from './step-ledger.ts';

const SUBMITTERS = 4;
const SESSIONS = 60;
const PAUSE_MS = 100;
/** One job in so many is a shell job; the rest echo. */
const SHELL_EVERY = 5;

/** Clients that submit without end, and insist on an answer whatever happens to the server. */
export class JobLoad {
  readonly #client: JobClient;
  readonly #accepted = new Map<string, string>();
  readonly #stopping = new AbortController();
  readonly #run = randomUUID().slice(0, 8);
  #submitters: readonly Promise<void>[] = [];
  #count = 0;

  constructor(client: JobClient) {
    this.#client = client;
  }

  start(): void {
    this.#submitters = Array.from({ length: SUBMITTERS }, async () => await this.#submitOn());
  }

  /** Ends the submitting. Resolves with the ids of all accepted jobs by their labels. */
  async stop(): Promise<ReadonlyMap<string, string>> {
    this.#stopping.abort();
    await Promise.all(this.#submitters);
    return this.#accepted;
  }

  async #submitOn(): Promise<void> {
    while (!this.#stopping.signal.aborted) {
      this.#count += 1;
      const label = `load-${this.#run}-${this.#count}`;
      const isShell = this.#count % SHELL_EVERY === 0;
      const question = isShell ? ledgerScript({ label, steps: 3, stepSeconds: 0.2 }) : label;
      const sessionId = `session-${this.#count % SESSIONS}`;
      this.#accepted.set(
        label,
        await this.#client.submitUntilAccepted({ label, agent: isShell ? 'shell' : 'echo', question, sessionId }),
      );
      await delay(PAUSE_MS);
    }
  }
}
