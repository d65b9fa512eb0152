import { type ChildProcess, spawn } from 'node:child_process';
import type { Logger } from 'pino';
import type { Account } from './account.ts';
import { embeddedDatabaseFailure } from './failure.ts';
import { readPostgresLog } from './log-lines.ts';
import { dataFolderArgument, spawnAs } from './run-as.ts';

/** A running PostgreSQL server process that is our child. */
export interface Postmaster {
  readonly pid: number;
  /** Settles, with words for a log line, when the process has ended; never rejects. */
  readonly exited: Promise<string>;
  /**
   * Fast shutdown: open transactions are rolled back. After the deadline an immediate one, which the next start
   * recovers from.
   */
  stop(): Promise<void>;
}

/**
 * What PostgreSQL says while processes of a dead postmaster still use the folder; they end by themselves in a moment.
 */
export const isStillOccupied = (error: unknown): boolean =>
  error instanceof Error && /lock file .* already exists|pre-existing shared memory block/.test(error.message);

const FAST_SHUTDOWN_MS = 20_000;
const LOG_END_MS = 200;

/**
 * Starts PostgreSQL on a cluster and resolves when it accepts connections. Throws with the end of its log when it does
 * not.
 */
export const launchPostmaster = async (options: {
  readonly program: string;
  readonly clusterDir: string;
  readonly account: Account | null;
  readonly log: Logger;
  /** Ends a start that is no longer wanted; a recovery can take minutes. */
  readonly signal: AbortSignal;
}): Promise<Postmaster> => {
  const { account, clusterDir, signal } = options;
  const child = spawn(options.program, ['-D', dataFolderArgument(clusterDir, account)], {
    cwd: clusterDir,
    env: { LC_ALL: 'C', TZ: 'UTC' },
    stdio: ['ignore', 'ignore', 'pipe'],
    // Its own process group: Ctrl+C at the terminal must reach kazi only, which needs the database while it drains.
    detached: true,
    ...spawnAs(account),
  });
  const exited = exitOf(child);
  const ready = Promise.withResolvers<'ready'>();
  const reader = readPostgresLog(options.log, () => ready.resolve('ready'));
  child.stderr?.setEncoding('utf8').on('data', (chunk: string) => reader.write(chunk));

  const giveUp = (): unknown => child.kill('SIGINT');
  signal.addEventListener('abort', giveUp, { once: true });
  const outcome = await Promise.race([ready.promise, exited]);
  signal.removeEventListener('abort', giveUp);
  if (outcome !== 'ready' || child.pid === undefined) {
    throw embeddedDatabaseFailure(
      `The embedded PostgreSQL did not start (${outcome}): found "${reader.tail()}" in its log, expected it to accept connections on ` +
        `"${clusterDir}". Correct the cause and start again, or set DATABASE_URL to use another PostgreSQL.`,
    );
  }
  return { pid: child.pid, exited, stop: () => shutDown(child, exited) };
};

/**
 * 'close' comes when the log is read to its end, which an error message needs; but backends that outlive a killed
 * postmaster keep the log open, so it is not waited for long.
 */
const exitOf = (child: ChildProcess): Promise<string> =>
  new Promise((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('exit', (exitCode, signal) => {
      const settle = (): void => resolve(signal === null ? `exit code ${exitCode}` : `signal ${signal}`);
      const timer = setTimeout(settle, LOG_END_MS);
      child.once('close', () => {
        clearTimeout(timer);
        settle();
      });
    });
  });

const shutDown = async (child: ChildProcess, exited: Promise<string>): Promise<void> => {
  child.kill('SIGINT');
  const deadline = setTimeout(() => child.kill('SIGQUIT'), FAST_SHUTDOWN_MS);
  try {
    await exited;
  } finally {
    clearTimeout(deadline);
  }
};
