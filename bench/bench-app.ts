import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import { type App, startApp } from '../src/app/app.ts';
import { loadConfig } from '../src/config.ts';
import type { BenchNodeOptions } from './bench-node.ts';

/** A node with its HTTP face in this process, so that its memory can be looked at without its garbage. */
export const startBenchApp = async (options: BenchNodeOptions): Promise<App> => {
  const dataDir = await mkdtemp(join(options.server.folder, 'app-'));
  const config = loadConfig({
    env: { DATABASE_URL: options.databaseUrl },
    flags: { dataDir, port: '0', ...options.flags },
    file: null,
    workingFolder: dataDir,
  });
  return await startApp({ config, log: options.server.log, extraRuntimes: options.extraRuntimes ?? [] });
};
