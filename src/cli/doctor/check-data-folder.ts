import { constants } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import type { Config } from '../../config.ts';
import { isKaziError } from '../../core/errors.ts';
import { findRunningServer } from '../server-file.ts';
import { type Finding, fail, ok, warn } from './check.ts';

const CHOOSE_ANOTHER = 'choose another one with KAZI_DATA_DIR';

/** Can the folder be used, and is it free? Leaves it as it was. */
export const checkDataFolder = async (config: Config): Promise<Finding> => {
  const { dataDir } = config;
  const existing = await stat(dataDir).catch(() => null);
  if (existing === null) {
    const parent = await firstExisting(dataDir);
    const isWritable = await canWrite(parent);
    if (isWritable) return ok('data folder', `"${dataDir}" will be made at the first start`);
    return fail(
      'data folder',
      `"${dataDir}" does not exist and "${parent}" is not writable`,
      `expected a folder that this user can write; ${CHOOSE_ANOTHER}`,
    );
  }
  if (!existing.isDirectory() || !(await canWrite(dataDir))) {
    return fail(
      'data folder',
      `"${dataDir}" is not a folder that this user can write`,
      `correct its ownership, or ${CHOOSE_ANOTHER}`,
    );
  }
  return config.databaseUrl === null ? await checkLock(dataDir) : ok('data folder', `"${dataDir}" is writable`);
};

/** Can the listener be opened? A running kazi of this data folder explains itself. */
export const checkPort = async (config: Config): Promise<Finding> => {
  const { host, port } = config;
  const problem = await tryToListen(host, port);
  if (problem === null) return ok('listener', `${host}:${port} is free`);
  const running = await findRunningServer(config.dataDir);
  if (running !== null && new URL(running).port === String(port))
    return ok('listener', `${host}:${port} is kazi itself`);
  return fail(
    'listener',
    `${host}:${port} cannot be opened (${problem})`,
    'stop what listens there, or choose another address with KAZI_HOST and KAZI_PORT',
  );
};

const checkLock = async (dataDir: string): Promise<Finding> => {
  const running = await findRunningServer(dataDir);
  if (running !== null) {
    return warn(
      'data folder',
      `"${dataDir}" is in use by the kazi at ${running}`,
      'that server works; a second one needs another folder, or DATABASE_URL',
    );
  }
  // The lock is made with the first start: without it, nobody can hold it.
  if ((await stat(`${dataDir}/kazi.lock`).catch(() => null)) === null)
    return ok('data folder', `"${dataDir}" is writable and free`);
  const { lockDataDir } = await import('../../postgres/data-dir-lock.ts');
  try {
    await (await lockDataDir(dataDir)).release();
    return ok('data folder', `"${dataDir}" is writable and free`);
  } catch (error) {
    if (isKaziError(error, 'DATA_DIR_IN_USE')) return fail('data folder', error.message, CHOOSE_ANOTHER);
    throw error;
  }
};

const canWrite = async (path: string): Promise<boolean> =>
  await access(path, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  );

const firstExisting = async (path: string): Promise<string> => {
  const parent = dirname(path);
  return parent === path || (await stat(parent).catch(() => null)) !== null ? parent : await firstExisting(parent);
};

const tryToListen = async (host: string, port: number): Promise<string | null> => {
  const server = createServer();
  return await new Promise((resolve) => {
    server.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen(port, host, () => server.close(() => resolve(null)));
  });
};
