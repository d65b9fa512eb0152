import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../../config.ts';
import { type Finding, fail, ok, warn } from './check.ts';

/** The database that `serve` would use: the one of DATABASE_URL, else the embedded one. */
export const checkDatabase = async (config: Config): Promise<Finding> =>
  config.databaseUrl === null ? await checkEmbedded(config) : await checkServer(config.databaseUrl);

const checkEmbedded = async ({ dataDir }: Config): Promise<Finding> => {
  const [{ chooseAccount }, { findBinaries }] = await Promise.all([
    import('../../postgres/account.ts'),
    import('../../postgres/binaries.ts'),
  ]);
  // Should the programs have to be copied to be tried, the data folder stays untouched.
  const scratch = await mkdtemp(join(tmpdir(), 'kazi-doctor-'));
  try {
    const account = await chooseAccount(join(dataDir, 'postgres'));
    const { majorVersion } = await findBinaries({ dataDir: scratch, account, packageDir: undefined });
    const user = account === null ? '' : `, as user id ${account.uid}`;
    return ok('database', `embedded PostgreSQL ${majorVersion} runs on this machine${user}`);
  } catch (error) {
    return fail('database', messageOf(error), 'set DATABASE_URL to a PostgreSQL 15 or newer');
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
};

const checkServer = async (url: string): Promise<Finding> => {
  const place = placeOf(url);
  try {
    const { inspectDatabase } = await import('../../storage/inspect-database.ts');
    const { version, pending } = await inspectDatabase(url);
    const found = `PostgreSQL ${version} at ${place}`;
    if (pending.length === 0) return ok('database', `${found}, migrations current`);
    return warn('database', `${found}, ${pending.length} migrations to apply`, 'the next start applies them');
  } catch (error) {
    return fail(
      'database',
      `${place}: ${messageOf(error)}`,
      'correct DATABASE_URL, or start that PostgreSQL (15 or newer)',
    );
  }
};

/** Without user and password. By hand, because a URL of a socket (`postgres://user@/name?host=/run`) is none to WHATWG. */
const placeOf = (url: string): string => {
  const [place = '', query = ''] = url.replace(/^[^:]+:\/\/(?:[^?]*@)?/, '').split('?');
  const host = place.startsWith('/') ? (new URLSearchParams(query).get('host') ?? 'localhost') : '';
  return `"${host}${place}"`;
};

const messageOf = (error: unknown): string => {
  if (error instanceof AggregateError) return error.errors.map(messageOf).join('; ');
  return error instanceof Error ? error.message : String(error);
};
