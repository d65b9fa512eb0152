import type { Logger } from 'pino';
import type { Config } from '../config.ts';
import type { SmtpListenerOptions } from '../mail/smtp/smtp-listener.ts';
import type { Runtime } from '../runtimes/runtime.ts';

export interface AppOptions {
  readonly config: Config;
  readonly log: Logger;
  /** Runtimes beside the built-in ones; benchmarks bring one that only waits. */
  readonly extraRuntimes?: readonly Runtime[];
  /** How names are looked up that prove who sent a mail; as the machine does when absent. */
  readonly mailResolver?: SmtpListenerOptions['resolver'];
}
