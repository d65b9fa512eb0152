import { readConfig } from '../../config.ts';
import { EXIT_CODES } from '../exit-code.ts';
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
  const { startApp } = await import('../../app.ts');
  const app = await startApp({ config, log });
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
