import { setTimeout as delay } from 'node:timers/promises';
import type { App } from '../app/app.ts';
import type { Config } from '../config.ts';
import { isKaziError } from '../core/errors.ts';
import { ApiClient } from './client.ts';
import { findApiKey } from './connection.ts';
import { createLog } from './log.ts';
import { findRunningServer } from './server-file.ts';

/** The server that `kazi run` hands its job to. */
export interface RunServer {
  readonly client: ApiClient;
  /** True when it runs in this process, and ends with it. */
  readonly isOwn: boolean;
  /** Stops an own server; leaves another one alone. Safe twice. */
  stop(): Promise<void>;
}

/** Another `kazi run` on the same data folder is usually over soon. */
const WAIT_MS = 60_000;
const LOOK_MS = 200;

/** KAZI_URL, else the server that runs on the data folder, else one of our own. */
export const openRunServer = async (options: {
  readonly config: Config;
  readonly signal: AbortSignal;
  readonly onWait: () => void;
}): Promise<RunServer> => {
  const { config, signal } = options;
  const deadlineMs = performance.now() + WAIT_MS;
  let isWaiting = false;
  for (;;) {
    const url = config.url ?? (await findRunningServer(config.dataDir));
    if (url !== null)
      return {
        client: new ApiClient({ url, apiKey: await findApiKey(config, url) }),
        isOwn: false,
        stop: async () => {},
      };
    try {
      return ownServer(await startOwn(config));
    } catch (error) {
      if (!isKaziError(error, 'DATA_DIR_IN_USE') || performance.now() > deadlineMs) throw error;
    }
    if (!isWaiting) options.onWait();
    isWaiting = true;
    await delay(LOOK_MS, undefined, { signal });
  }
};

/** True when a server is there that outlives this process. */
export const hasLastingServer = async (config: Config): Promise<boolean> =>
  config.url !== null || (await findRunningServer(config.dataDir)) !== null;

const startOwn = async (config: Config): Promise<App> => {
  const { startApp } = await import('../app/app.ts');
  // The terminal belongs to the progress here: of the log, only what went wrong.
  const level = config.logLevel === 'info' ? 'error' : config.logLevel;
  return await startApp({
    config: Object.freeze({ ...config, host: '127.0.0.1', port: 0, role: 'all' as const }),
    log: createLog(level),
  });
};

const ownServer = (app: App): RunServer => ({
  client: new ApiClient({ url: app.url, apiKey: app.apiKey }),
  isOwn: true,
  stop: async () => await app.stop(),
});
