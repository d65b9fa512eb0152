import { randomBytes } from 'node:crypto';
import { basename } from 'node:path';
import { after, afterEach, type SuiteContext, type TestContext } from 'node:test';
import { stopDependents } from './dependents.ts';
import {
  administer,
  prepareTemplate,
  startTestServer,
  TEST_DATABASE_PREFIX,
  type TestServer,
  urlOfDatabase,
} from './test-server.ts';

/** A database that belongs to one test file, or to one test. */
export interface TestDatabase {
  readonly name: string;
  readonly url: string;
  /** Drops it now, with whatever is connected; by itself it goes when its tests have passed. Safe twice. */
  drop(): Promise<void>;
}

interface Lease extends TestServer {
  readonly template: string;
}

/** Counts who uses the server that this process started, because there was no global setup that did. */
const own: { server: Promise<Lease> | null; users: number } = { server: null, users: 0 };

/**
 * Makes a database of the current schema, cloned from a migrated template (`empty`: one without tables).
 *
 * Call it at the top of a test file or of a describe() — `const database = await createTestDatabase();` — for one that
 * all tests there share, or with a test's context for one of its own; not in a before() hook, where node:test does not
 * tell which tests failed. It is dropped after its tests, or left behind with a line that names it when one of them
 * failed.
 */
export const createTestDatabase = async (
  t?: TestContext,
  options: { readonly empty?: boolean } = {},
): Promise<TestDatabase> => {
  let hasFailed = false;
  const note = (context: TestContext | SuiteContext): void => {
    if ('passed' in context && !context.passed) hasFailed = true;
  };
  const finish = async (): Promise<void> => {
    if (t !== undefined) note(t);
    const database = await creating.catch(() => null);
    if (database) await stopDependents(database.url);
    await (hasFailed ? database?.leave() : database?.drop());
  };
  // Before the first await, so that the hooks belong to whoever calls.
  if (t === undefined) {
    afterEach(note);
    after(finish);
  } else {
    t.afterEach(note);
    t.after(finish);
  }
  const creating = create(options.empty ?? false);
  return creating;
};

const create = async (isEmpty: boolean): Promise<TestDatabase & { leave(): Promise<void> }> => {
  const lease = await leaseServer();
  const file = basename(process.argv[1] ?? 'unknown').replace(/\.test\.ts$/, '');
  const name = `${TEST_DATABASE_PREFIX}${file.replaceAll(/\W/g, '_').toLowerCase().slice(0, 40)}_${randomBytes(4).toString('hex')}`;
  await administer(lease.adminUrl, (client) =>
    client.query(`create database ${name}${isEmpty ? '' : ` template ${lease.template}`}`),
  );
  const url = urlOfDatabase(lease.adminUrl, name);
  let isOpen = true;
  const close = async (step: () => Promise<unknown>): Promise<void> => {
    if (!isOpen) return;
    isOpen = false;
    await step();
    await lease.stop();
  };
  return {
    name,
    url,
    drop: () =>
      close(() => administer(lease.adminUrl, (client) => client.query(`drop database if exists ${name} with (force)`))),
    leave: () =>
      close(async () => {
        process.stderr.write(`a test failed and left its database behind until the next run: ${name}\n`);
      }),
  };
};

/** The server of the global setup, or one of this process that stops with its last database. */
const leaseServer = async (): Promise<Lease> => {
  const { KAZI_TEST_SERVER: adminUrl, KAZI_TEST_TEMPLATE: template } = process.env;
  if (adminUrl !== undefined && template !== undefined) return { adminUrl, template, stop: () => Promise.resolve() };
  own.users += 1;
  own.server ??= startOwn();
  const server = await own.server;
  return {
    ...server,
    stop: async () => {
      own.users -= 1;
      if (own.users > 0) return;
      own.server = null;
      await server.stop();
    },
  };
};

const startOwn = async (): Promise<Lease> => {
  const server = await startTestServer();
  return { ...server, template: await prepareTemplate(server.adminUrl) };
};
