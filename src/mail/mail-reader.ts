import { Worker } from 'node:worker_threads';
import type { IncomingMail } from '../core/mail.ts';

const TIMEOUT_MS = 30_000;
const MAX_MEMORY_MEBIBYTES = 256;
const MOST_THREADS = 2;

interface Waiting {
  readonly raw: Uint8Array;
  readonly resolve: (mail: IncomingMail | null) => void;
}

/**
 * Reads mails in threads of their own: a mail may be made to take hours, and reading an honest one of 25 MB takes seconds,
 * in which the server must go on. A thread that takes 30 s or 256 MiB for one is ended; the next mail gets a new
 * one. A thread takes 150 ms to start, so it stays for what comes later.
 */
export class MailReader {
  readonly #timeoutMs: number;
  readonly #idle = new Set<Worker>();
  readonly #waiting: Waiting[] = [];
  readonly #threads = new Set<Worker>();
  #isStopped = false;

  constructor(timeoutMs = TIMEOUT_MS) {
    this.#timeoutMs = timeoutMs;
  }

  /** Null for a mail that cannot be read. */
  async read(raw: Uint8Array): Promise<IncomingMail | null> {
    return await new Promise((resolve) => {
      this.#waiting.push({ raw, resolve });
      this.#next();
    });
  }

  /** Mails that are being read are given up. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await Promise.all([...this.#threads].map(async (thread) => await thread.terminate()));
  }

  #next(): void {
    if (this.#isStopped) for (const { resolve } of this.#waiting.splice(0)) resolve(null);
    if (this.#waiting.length === 0) return;
    const [idle] = this.#idle;
    const thread = idle ?? (this.#threads.size < MOST_THREADS ? this.#start() : undefined);
    if (idle) this.#idle.delete(idle);
    const waiting = thread && this.#waiting.shift();
    if (thread && waiting) this.#read(thread, waiting);
  }

  #read(thread: Worker, { raw, resolve }: Waiting): void {
    const limit = setTimeout(() => void thread.terminate(), this.#timeoutMs);
    const end = (mail: IncomingMail | null): void => {
      clearTimeout(limit);
      thread.off('message', onMessage);
      thread.off('exit', onExit);
      resolve(mail);
      this.#next();
    };
    const onMessage = ({ mail }: { readonly mail: IncomingMail | null }): void => {
      this.#idle.add(thread);
      end(mail);
    };
    // Out of memory, out of time, or the server stops.
    const onExit = (): void => end(null);
    thread.on('message', onMessage);
    thread.on('exit', onExit);
    thread.postMessage(raw);
  }

  #start(): Worker {
    const thread = new Worker(new URL('mail-worker.ts', import.meta.url), {
      env: {},
      execArgv: [],
      stdout: true,
      stderr: true,
      resourceLimits: { maxOldGenerationSizeMb: MAX_MEMORY_MEBIBYTES },
    });
    // What ends a thread is told by its exit.
    thread.on('error', () => undefined);
    thread.on('exit', () => {
      this.#threads.delete(thread);
      this.#idle.delete(thread);
    });
    this.#threads.add(thread);
    return thread;
  }
}
