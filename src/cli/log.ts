import { type Logger, pino } from 'pino';
import type { Config } from '../config.ts';

/** The logger of a server in this process: JSON lines on stderr, written at once, so that none is lost when it ends. */
export const createLog = (level: Config['logLevel']): Logger =>
  pino({ level, base: null, timestamp: pino.stdTimeFunctions.isoTime }, pino.destination({ dest: 2, sync: true }));
