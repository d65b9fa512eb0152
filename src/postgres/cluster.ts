import { randomBytes } from 'node:crypto';
import { chmod, lchown, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Account, chownTree, namedAccount } from './account.ts';
import type { Binaries } from './binaries.ts';
import { embeddedDatabaseFailure } from './failure.ts';
import { dataFolderArgument } from './run-as.ts';
import { runTool } from './run-tool.ts';

/** User and database that kazi has in its cluster. */
export const DATABASE_NAME = 'kazi';

const HOST_RULES = `# Written by kazi at every start.
local all ${DATABASE_NAME} scram-sha-256
host  all ${DATABASE_NAME} 127.0.0.1/32 scram-sha-256
host  all ${DATABASE_NAME} ::1/128 scram-sha-256
`;

interface ClusterOptions {
  readonly dataDir: string;
  readonly clusterDir: string;
  readonly account: Account | null;
  readonly binaries: Binaries;
}

/**
 * Creates the cluster and its password unless they exist; refuses one that these programs cannot open. Returns the
 * password.
 */
export const prepareCluster = async (options: ClusterOptions): Promise<string> => {
  const passwordFile = join(options.dataDir, 'postgres.password');
  if ((await readdir(options.clusterDir).catch(() => [])).length === 0) {
    const password = randomBytes(24).toString('base64url');
    await writeFile(passwordFile, `${password}\n`, { mode: 0o600 });
    await chmod(passwordFile, 0o600);
    await createCluster(options, password);
    return password;
  }
  await checkVersion(options);
  const password = (await readFile(passwordFile, 'utf8').catch(() => '')).trim();
  if (password !== '') return password;
  throw embeddedDatabaseFailure(
    `The password of the embedded database is missing: found no "${passwordFile}", expected the file that was made together with ` +
      `"${options.clusterDir}". Restore it, or move the database folder away to begin with an empty one.`,
  );
};

/**
 * Writes the files that decide settings and access; they belong to kazi, not to the administrator. Closes the folder
 * again, which PostgreSQL insists on and a restored backup often lacks.
 */
export const configureCluster = async (options: ClusterOptions, settings: string): Promise<void> => {
  const files = { 'postgresql.conf': settings, 'pg_hba.conf': HOST_RULES };
  await chmod(options.clusterDir, 0o700);
  for (const [name, text] of Object.entries(files)) {
    const path = join(options.clusterDir, name);
    await writeFile(path, text, { mode: 0o600 });
    if (options.account !== null) await lchown(path, options.account.uid, options.account.gid);
  }
};

const checkVersion = async ({ clusterDir, binaries }: ClusterOptions): Promise<void> => {
  const found = (await readFile(join(clusterDir, 'PG_VERSION'), 'utf8').catch(() => '')).trim();
  if (found === binaries.majorVersion) return;
  const what = found === '' ? 'a folder that is not a PostgreSQL database' : `a database of PostgreSQL ${found}`;
  throw embeddedDatabaseFailure(
    `The database folder "${clusterDir}" holds ${what}, expected PostgreSQL ${binaries.majorVersion}. ` +
      `Go on with the kazi release that made it, or dump it with PostgreSQL ${found || 'of its version'}, move the folder away, ` +
      'start kazi, and load the dump. DATABASE_URL uses another PostgreSQL.',
  );
};

/**
 * Builds the cluster beside its place and renames it when it is whole and on the disk, so that a crash leaves no half
 * cluster.
 */
const createCluster = async (options: ClusterOptions, password: string): Promise<void> => {
  const { clusterDir, binaries } = options;
  const stagingDir = `${clusterDir}.new`;
  const newClusterDir = join(stagingDir, 'cluster');
  const account = options.account === null ? null : await namedAccount();
  await rm(stagingDir, { recursive: true, force: true });
  await mkdir(newClusterDir, { recursive: true, mode: 0o700 });
  await writeFile(join(stagingDir, 'password'), `${password}\n`, { mode: 0o600 });
  if (account !== null) await chownTree(stagingDir, account);

  const folder = ['-D', dataFolderArgument(newClusterDir, account)];
  const context = { account, cwd: newClusterDir };
  const identity = ['--username', DATABASE_NAME, '--auth', 'scram-sha-256', '--pwfile', '../password'];
  // A new WAL segment stops every commit while it is made: of 16 MB about 50 ms, twice a second under full load.
  const segments = ['--wal-segsize', '4'];
  const encoding = ['--encoding', 'UTF8', '--locale-provider', 'libc', '--locale', 'C'];
  const layout = [...encoding, ...segments, '--no-sync', '--no-instructions'];
  await mustSucceed(runTool(binaries.initdb, [...folder, ...identity, ...layout], context), options);
  const single = ['--single', '-F', ...folder, 'postgres'];
  await mustSucceed(
    runTool(binaries.postgres, single, { ...context, input: `create database ${DATABASE_NAME}\n` }),
    options,
  );
  await mustSucceed(runTool(binaries.initdb, ['--sync-only', ...folder], context), options);

  if (options.account !== null) await chownTree(newClusterDir, options.account);
  await rm(clusterDir, { recursive: true, force: true });
  await rename(newClusterDir, clusterDir);
  await rm(stagingDir, { recursive: true, force: true });
};

const mustSucceed = async (running: ReturnType<typeof runTool>, options: ClusterOptions): Promise<void> => {
  const { exitCode, output } = await running;
  if (exitCode === 0) return;
  const hint = output.includes('could not look up effective user')
    ? ' initdb needs the user that kazi runs as to have an entry in /etc/passwd: add one.'
    : '';
  throw embeddedDatabaseFailure(
    `The embedded database could not be created in "${options.dataDir}": found "${output}".${hint} ` +
      'Correct the cause and start again, or set DATABASE_URL to use another PostgreSQL.',
  );
};
