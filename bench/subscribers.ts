import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

/** What a process of subscribers is to do. */
export interface SubscriberOrder {
  /** `idle`: opens WebSockets and holds them. `sse`: follows the events of a job to its end. */
  readonly kind: 'idle' | 'sse';
  readonly url: string;
  readonly apiKey: string;
  /** Paths of the connections, one each. */
  readonly paths: readonly string[];
}

/** What a process of subscribers saw. */
export interface SubscriberReport {
  /** Events of each subscriber. */
  readonly counts: readonly number[];
  /** Subscribers whose events did not come in their order, each once. */
  readonly disorders: number;
  /** Deliveries by whole milliseconds of delay; the last place holds all longer ones. */
  readonly delays: readonly number[];
}

/** Clients in a process of their own, so that their work is not taken for the server's. */
export class Subscribers {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Resolves once all are connected. */
  static async start(order: SubscriberOrder): Promise<Subscribers> {
    const child = fork(new URL('subscriber-process.ts', import.meta.url), { stdio: 'inherit' });
    child.send(order);
    const [message] = (await Promise.race([once(child, 'message'), once(child, 'exit')])) as [unknown];
    if (message !== 'connected') throw new Error(`the subscribers ended with ${String(message)}, expected to connect`);
    return new Subscribers(child);
  }

  /** What they saw, once the streams that they follow have ended. */
  async report(): Promise<SubscriberReport> {
    this.#child.send('report');
    const [report] = (await once(this.#child, 'message')) as [SubscriberReport];
    return report;
  }

  async stop(): Promise<void> {
    const isGone = once(this.#child, 'exit');
    this.#child.kill();
    await isGone;
  }
}
