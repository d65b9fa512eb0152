import { chmod, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { KaziError } from '../core/errors.ts';

const LOCK_FILE = 'kazi.lock';
const HOLDER_FILE = 'kazi.pid';
const SQLITE_BUSY = 5;

/**
 * Proof that this process alone uses a data folder. The kernel takes it back when the process ends, however it ends.
 */
export interface DataDirLock {
  /** Gives the folder free. Safe twice. */
  release(): Promise<void>;
}

/**
 * Takes the data folder for this process, or throws DATA_DIR_IN_USE naming the process that has it.
 *
 * Node has no flock, but its SQLite takes real kernel locks on a file: they die with their process even on SIGKILL,
 * hold while it is stopped, cannot be fooled by a reused process id, and work between containers that share a volume,
 * where a process id means nothing. Nothing is ever stored in that file. It must not be opened by anything else in this
 * process: closing any other descriptor of a file gives up the POSIX locks that the process holds on it.
 */
export const lockDataDir = async (dataDir: string): Promise<DataDirLock> => {
  const database = openExclusively(dataDir);
  if (database === null) throw await inUse(dataDir);
  try {
    await chmod(join(dataDir, LOCK_FILE), 0o600);
    await writeFile(join(dataDir, HOLDER_FILE), `${process.pid}\n`, { mode: 0o600 });
  } catch (error) {
    database.close();
    throw error;
  }
  return {
    release: async () => {
      if (!database.isOpen) return;
      await rm(join(dataDir, HOLDER_FILE), { force: true });
      if (database.isOpen) database.close();
    },
  };
};

const openExclusively = (dataDir: string): DatabaseSync | null => {
  const path = join(dataDir, LOCK_FILE);
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { timeout: 0 });
    database.exec('pragma journal_mode = memory');
    database.exec('begin exclusive');
    return database;
  } catch (error) {
    database?.close();
    if (isBusy(error)) return null;
    throw new KaziError(
      'EMBEDDED_DATABASE_FAILED',
      {
        message:
          `The data folder cannot be locked: found "${messageOf(error)}" for "${path}", expected a file that this user can write, ` +
          'on a file system with locks. Correct the ownership of the folder, or choose another one with KAZI_DATA_DIR.',
      },
      { cause: error },
    );
  }
};

const isBusy = (error: unknown): boolean =>
  error instanceof Error &&
  'errcode' in error &&
  typeof error.errcode === 'number' &&
  (error.errcode & 0xff) === SQLITE_BUSY;

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const inUse = async (dataDir: string): Promise<KaziError> => {
  // The holder writes its id just after it takes the lock, so for a moment the file can be missing.
  const found = (await readFile(join(dataDir, HOLDER_FILE), 'utf8').catch(() => '')).trim();
  const holder = found === '' ? 'another kazi server' : `the kazi server with process id ${found}`;
  return new KaziError('DATA_DIR_IN_USE', {
    pid: found === '' ? null : Number(found),
    dataDir,
    message:
      `The data folder "${dataDir}" is in use by ${holder}, and an embedded database serves one server only. ` +
      'Stop that server, choose another folder with KAZI_DATA_DIR, or set DATABASE_URL so that several servers share one database.',
  });
};
