import { type Config, readConfig } from '../config.ts';
import { readKeptSecret } from './kept-secret.ts';
import { findRunningServer } from './server-file.ts';

/** Where a command sends its requests, and as whom. */
export interface Connection {
  readonly url: string;
  /** Null when none is known; the server then says what it wants. */
  readonly apiKey: string | null;
}

/** Options that every command with a configuration has. */
export interface ConfigOptions {
  readonly config?: string;
  readonly dataDir?: string;
}

/** Options of a command that talks to a server. */
export interface ClientOptions extends ConfigOptions {
  readonly url?: string;
}

/** The configuration of a command. Throws INVALID_CONFIG. */
export const readClientConfig = (options: ClientOptions): Config =>
  readConfig({ flags: { dataDir: options.dataDir, url: options.url }, configFile: options.config });

/** The server that a command means: KAZI_URL, else the one that runs on the data folder, else the usual address. */
export const connect = async (options: ClientOptions): Promise<Connection> => {
  const config = readClientConfig(options);
  const url = config.url ?? (await findRunningServer(config.dataDir)) ?? 'http://127.0.0.1:7420';
  return { url, apiKey: await findApiKey(config, url) };
};

/**
 * KAZI_API_KEY, else the key in the data folder, else null. The one in the folder never leaves this machine: it belongs to
 * the server here, and a URL that points elsewhere would hand it to somebody else.
 */
export const findApiKey = async (config: Config, url: string): Promise<string | null> =>
  config.apiKey ?? (isLoopback(url) ? await readKeptSecret(config.dataDir, 'api-key') : null);

const isLoopback = (url: string): boolean => {
  const { hostname } = new URL(url);
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname);
};
