import { execFile } from 'node:child_process';
import { readFile, readlink, realpath, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { Logger } from 'pino';
import { embeddedDatabaseFailure } from './failure.ts';

const FAST_SHUTDOWN_MS = 20_000;
const IMMEDIATE_SHUTDOWN_MS = 5_000;
const POLL_MS = 10;

/**
 * Ends the postmaster that a killed kazi left behind, and clears what makes PostgreSQL believe in one that is no more.
 * The caller holds the lock of the data folder, so no living kazi uses it. An orphan is stopped rather than taken over:
 * its log goes nowhere, it has the settings of an earlier start, and nobody would be told of its end.
 */
export const stopOrphan = async (clusterDir: string, log: Logger): Promise<void> => {
  const pidFile = join(clusterDir, 'postmaster.pid');
  const [firstLine = '', ...otherLines] = (await readFile(pidFile, 'utf8').catch(() => '')).split('\n');
  const pid = Number.parseInt(firstLine, 10);
  if (!(pid > 0)) return;
  if (await isPostmasterOf(pid, clusterDir)) {
    await shutDown(pid, clusterDir, log);
  } else {
    // PostgreSQL would refuse to start when the id was reused, because it sees that process alive. Our own id in its
    // place, that of the parent to be, tells it that the file is stale, while the lines that protect against the dead
    // one's living children stay.
    await writeFile(pidFile, [String(process.pid), ...otherLines].join('\n'));
  }
  // The lock file of the socket is believed in the same way, and says nothing that postmaster.pid does not.
  for (const name of ['.s.PGSQL.5432', '.s.PGSQL.5432.lock']) await rm(join(clusterDir, name), { force: true });
};

const shutDown = async (pid: number, clusterDir: string, log: Logger): Promise<void> => {
  log.warn({ postgresPid: pid, clusterDir }, 'stopping the postgres that a killed kazi left behind');
  signalProcess(pid, 'SIGINT');
  if (await endsWithin(pid, clusterDir, FAST_SHUTDOWN_MS)) return;
  signalProcess(pid, 'SIGQUIT');
  if (await endsWithin(pid, clusterDir, IMMEDIATE_SHUTDOWN_MS)) return;
  throw embeddedDatabaseFailure(
    `A PostgreSQL process of an earlier kazi still runs on "${clusterDir}": found process id ${pid} alive after a request to stop, ` +
      `expected it to end. Stop it (kill -QUIT ${pid}) and start again.`,
  );
};

const signalProcess = (pid: number, signal: NodeJS.Signals): void => {
  try {
    process.kill(pid, signal);
  } catch (error) {
    // It ended in the meantime, which is all that was wanted.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
};

/**
 * True when the process is a PostgreSQL that works in this very folder: a number alone proves nothing, ids are reused.
 */
const isPostmasterOf = async (pid: number, clusterDir: string): Promise<boolean> => {
  if (process.platform === 'linux') {
    const workingFolder = await readlink(`/proc/${pid}/cwd`).catch(() => null);
    return (
      workingFolder === (await realpath(clusterDir)) &&
      (await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')).trim() === 'postgres'
    );
  }
  const { stdout } = await promisify(execFile)('ps', ['-o', 'command=', '-p', String(pid)]).catch(() => ({
    stdout: '',
  }));
  return stdout.includes('postgres') && stdout.includes(clusterDir);
};

/**
 * Polls, because the system tells only a parent when a process ends, and we are not the parent of an orphan. One that
 * has ended but was not yet reaped still has its id (for ever, where process 1 of a container reaps nobody) but no
 * folder any more.
 */
const endsWithin = async (pid: number, clusterDir: string, deadlineMs: number): Promise<boolean> => {
  for (let waitedMs = 0; waitedMs < deadlineMs; waitedMs += POLL_MS) {
    if (!(await isPostmasterOf(pid, clusterDir))) return true;
    await delay(POLL_MS);
  }
  return false;
};
