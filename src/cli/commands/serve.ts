import type { Logger } from 'pino';
import type { App } from '../../app/app.ts';
import { type Config, readConfig } from '../../config.ts';
import { isKaziError } from '../../core/errors.ts';
import { CommandFailure, EXIT_CODES } from '../exit-code.ts';
import { createLog } from '../log.ts';
import { removeServerFile, writeServerFile } from '../server-file.ts';

export interface ServeOptions {
  readonly host?: string;
  readonly port?: string;
  readonly dataDir?: string;
  readonly role?: string;
  readonly config?: string;
}

/** Runs the server until SIGTERM or SIGINT. A second signal stops at once, with the exit code that shells give to it. */
export const serve = async ({ config: configFile, ...flags }: ServeOptions): Promise<number> => {
  const config = readConfig({ flags, configFile });
  const log = createLog(config.logLevel);
  const stopped = watchSignals((signal) => log.info({ signal }, 'stopping; a second signal stops at once'));
  const app = await start(config, log);
  try {
    if (app.newApiKeyPath !== null) announceKey(app.apiKey, app.newApiKeyPath);
    // A signal that came while the server was starting.
    if (stopped.hasHappened()) return EXIT_CODES.ok;
    await writeServerFile(config.dataDir, app.url);
    process.stdout.write(`kazi ready ${app.url}\n`);
    await stopped.happened;
    return EXIT_CODES.ok;
  } finally {
    await removeServerFile(config.dataDir);
    await app.stop();
    log.info('stopped');
  }
};

const start = async (config: Config, log: Logger): Promise<App> => {
  const { startApp } = await import('../../app/app.ts');
  try {
    return await startApp({ config, log });
  } catch (error) {
    // What PostgreSQL or the network say about a database of the operator's own does not name the setting.
    if (config.databaseUrl === null || isKaziError(error)) throw error;
    const said = error instanceof Error && error.message !== '' ? error.message : 'no answer';
    const message = `the database of DATABASE_URL cannot be used (${said}), expected a PostgreSQL 15 or newer that answers; "kazi doctor" says more`;
    throw new CommandFailure('failed', message, { cause: error });
  }
};

interface Stop {
  readonly happened: Promise<void>;
  readonly hasHappened: () => boolean;
}

const watchSignals = (tell: (signal: NodeJS.Signals) => void): Stop => {
  const { promise, resolve } = Promise.withResolvers<void>();
  let count = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    count += 1;
    if (count > 1) process.exit(signal === 'SIGINT' ? 130 : 143);
    tell(signal);
    resolve();
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  return { happened: promise, hasHappened: () => count > 0 };
};

/** A line of its own, whatever the log level: the key is shown this once. JSON like the log lines around it. */
const announceKey = (apiKey: string, path: string): void => {
  const msg =
    'generated the API key of tenant "default", user "admin"; it is shown only this once, and kept in the file';
  process.stderr.write(`${JSON.stringify({ level: 30, time: new Date().toISOString(), apiKey, file: path, msg })}\n`);
};
