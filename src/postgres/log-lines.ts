import type { Logger } from 'pino';

/** Reads PostgreSQL's own log. */
export interface LogReader {
  /** Takes the next piece of PostgreSQL's standard error, cut anywhere. */
  write(chunk: string): void;
  /** The newest lines, for the message of an error. */
  tail(): string;
}

const TAIL_LINES = 12;

/**
 * Passes PostgreSQL's log on to ours. A client's ERROR is debug only, because the client got it too and handles it;
 * what ends a connection or the server is louder. `onReady` is called each time that the server says it accepts
 * connections.
 */
export const readPostgresLog = (log: Logger, onReady: () => void): LogReader => {
  const recent: string[] = [];
  let rest = '';
  const line = (text: string): void => {
    if (text === '') return;
    recent.push(text);
    if (recent.length > TAIL_LINES) recent.shift();
    log[levelOf(text)]({ postgres: text }, 'postgres log');
    if (text.endsWith('database system is ready to accept connections')) onReady();
  };
  return {
    write: (chunk) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      lines.forEach(line);
    },
    tail: () => [...recent, rest].filter((text) => text !== '').join(' | '),
  };
};

const levelOf = (text: string): 'debug' | 'warn' | 'error' => {
  if (text.startsWith('PANIC:')) return 'error';
  return text.startsWith('FATAL:') || text.startsWith('WARNING:') ? 'warn' : 'debug';
};
