import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from 'pino';
import { type Account, chooseAccount } from './account.ts';
import { findBinaries } from './binaries.ts';
import { configureCluster, DATABASE_NAME, prepareCluster } from './cluster.ts';
import { type DataDirLock, lockDataDir } from './data-dir-lock.ts';
import { embeddedDatabaseFailure } from './failure.ts';
import { stopOrphan } from './orphan.ts';
import { isStillOccupied, launchPostmaster, type Postmaster } from './postmaster.ts';
import { availableMemory, type PostgresSettings, renderSettings } from './settings.ts';
import { prepareSocketDir, type SocketDir } from './socket-dir.ts';
import { PostgresSupervisor } from './supervisor.ts';

export interface EmbeddedPostgresOptions {
  /** kazi's data folder; made when it is missing. The database lives in its folder `postgres`. */
  readonly dataDir: string;
  readonly log: Logger;
  /** PostgreSQL settings that replace the defaults of settings.ts. */
  readonly settings?: PostgresSettings;
  /** Folder of a platform package (`native/` and `package.json`) in place of the installed one. */
  readonly binariesDir?: string;
}

/** A PostgreSQL of our own, which is kept running until it is stopped. */
export interface EmbeddedPostgres {
  /** URL of the database `kazi`, with the password. It stays the same over restarts, so that pools reconnect. */
  readonly url: string;
  /** Process id of the postmaster; another one after a restart. */
  readonly pid: number;
  /** Fast shutdown, then gives the data folder free. Safe twice. */
  stop(): Promise<void>;
}

const OCCUPIED_TRIES = 40;
const OCCUPIED_DELAY_MS = 250;

/**
 * Starts the embedded PostgreSQL on a data folder, creating the database at the first start, and resolves when it
 * accepts connections. Throws DATA_DIR_IN_USE when another living kazi uses the folder, EMBEDDED_DATABASE_FAILED when
 * PostgreSQL cannot run here, and INVALID_CONFIG for a setting that is not ours to give away.
 */
export const startEmbeddedPostgres = async (options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> => {
  const dataDir = resolve(options.dataDir);
  await makeDataDir(dataDir);
  const lock = await lockDataDir(dataDir);
  try {
    return await startLocked({ ...options, dataDir }, lock);
  } catch (error) {
    await lock.release();
    throw error;
  }
};

const makeDataDir = async (dataDir: string): Promise<void> => {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw embeddedDatabaseFailure(
      `The data folder "${dataDir}" cannot be made: found "${error instanceof Error ? error.message : String(error)}", expected a ` +
        'folder that this user can write. Choose another one with KAZI_DATA_DIR.',
      error,
    );
  }
};

const startLocked = async (options: EmbeddedPostgresOptions, lock: DataDirLock): Promise<EmbeddedPostgres> => {
  const { dataDir } = options;
  const log = options.log.child({ component: 'postgres' });
  const clusterDir = join(dataDir, 'postgres');
  const account = await chooseAccount(clusterDir);
  const binaries = await findBinaries({ dataDir, account, packageDir: options.binariesDir });
  const cluster = { dataDir, clusterDir, account, binaries };
  const password = await prepareCluster(cluster);
  await stopOrphan(clusterDir, log);
  const socketDir = await prepareSocketDir(clusterDir, account);
  const supervisor = new PostgresSupervisor({
    log,
    launch: (signal) => launchOnFreeFolder({ program: binaries.postgres, clusterDir, account, log, signal }),
  });
  try {
    const overrides = options.settings ?? {};
    const settings = renderSettings({ memoryBytes: availableMemory(), socketDir: socketDir.serverPath, overrides });
    await configureCluster(cluster, settings);
    await supervisor.start();
  } catch (error) {
    await socketDir.remove();
    throw error;
  }
  log.info(
    { postgresPid: supervisor.pid, clusterDir, uid: account?.uid ?? process.getuid?.() },
    'embedded postgres is running',
  );
  return handleOf({ supervisor, lock, socketDir, password });
};

const handleOf = (parts: {
  readonly supervisor: PostgresSupervisor;
  readonly lock: DataDirLock;
  readonly socketDir: SocketDir;
  readonly password: string;
}): EmbeddedPostgres => {
  const { supervisor, lock, socketDir, password } = parts;
  const host = encodeURIComponent(socketDir.clientPath);
  return {
    url: `postgresql://${DATABASE_NAME}:${password}@/${DATABASE_NAME}?host=${host}&port=5432`,
    get pid() {
      return supervisor.pid ?? 0;
    },
    stop: async () => {
      await supervisor.stop();
      await socketDir.remove();
      await lock.release();
    },
  };
};

/** Backends of a killed postmaster can live on for a moment, and PostgreSQL rightly refuses to start beside them. */
const launchOnFreeFolder = async (options: {
  readonly program: string;
  readonly clusterDir: string;
  readonly account: Account | null;
  readonly log: Logger;
  readonly signal: AbortSignal;
}): Promise<Postmaster> => {
  for (let tried = 1; ; tried += 1) {
    try {
      return await launchPostmaster(options);
    } catch (error) {
      if (!isStillOccupied(error) || tried === OCCUPIED_TRIES) throw error;
      await delay(OCCUPIED_DELAY_MS, undefined, { signal: options.signal });
      await stopOrphan(options.clusterDir, options.log);
    }
  }
};
