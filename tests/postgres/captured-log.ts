import { EventEmitter, once } from 'node:events';
import { type Logger, pino } from 'pino';

/** A real logger whose lines a test can wait for. */
export interface CapturedLog {
  readonly log: Logger;
  readonly messages: readonly string[];
  /** Resolves at the next line with this message, or at once when there was one. */
  readonly saw: (message: string) => Promise<void>;
}

export const captureLog = (): CapturedLog => {
  const messages: string[] = [];
  const lines = new EventEmitter();
  const write = (line: string): void => {
    const { msg } = JSON.parse(line) as { readonly msg: string };
    messages.push(msg);
    lines.emit('line');
  };
  return {
    log: pino({ level: 'debug' }, { write }),
    messages,
    saw: async (message) => {
      while (!messages.includes(message)) await once(lines, 'line');
    },
  };
};
