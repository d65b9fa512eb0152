import assert from 'node:assert/strict';
import { chmod, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { startEmbeddedPostgres } from '../../src/postgres/embedded-postgres.ts';
import { atEnd, copyPackageWithoutLinks, query, scratchFolder } from './scratch.ts';
import { silentLogger } from './silent-logger.ts';

/** Gives a copied package a version of its own, so that its copy in the machine's cache is known to be this test's. */
const giveVersion = async (packageDir: string, version: string): Promise<void> => {
  const manifest = JSON.parse(await readFile(join(packageDir, 'package.json'), 'utf8')) as object;
  await writeFile(join(packageDir, 'package.json'), JSON.stringify({ ...manifest, version }));
};

describe('the programs of PostgreSQL', () => {
  test('work from a package without its links, which is left as it is', async (t) => {
    const scratch = await scratchFolder(t);
    const binariesDir = join(scratch, 'package');
    const version = `0.0.0-test-${process.pid}`;
    await copyPackageWithoutLinks(binariesDir);
    await giveVersion(binariesDir, version);
    atEnd(t, () =>
      rm(`/var/cache/kazi/${process.platform}-${process.arch}-${version}`, { recursive: true, force: true }),
    );
    const links = JSON.parse(await readFile(join(binariesDir, 'native/pg-symlinks.json'), 'utf8')) as {
      target: string;
    }[];
    // A private folder, as below the home of root: the account that PostgreSQL runs as cannot enter it.
    await chmod(scratch, 0o700);

    const postgres = await startEmbeddedPostgres({ dataDir: join(scratch, 'data'), log: silentLogger(), binariesDir });
    atEnd(t, () => postgres.stop());
    assert.deepEqual(await query(postgres.url, 'select 1 as one'), [{ one: 1 }]);
    assert.ok(links.length > 0);
    for (const { target } of links) await assert.rejects(stat(join(binariesDir, target)), { code: 'ENOENT' });
  });

  test('that this machine cannot run are refused with what was tried', async (t) => {
    const scratch = await scratchFolder(t);
    const binariesDir = join(scratch, 'package');
    const version = `0.0.0-broken-${process.pid}`;
    await mkdir(join(binariesDir, 'native/bin'), { recursive: true });
    await writeFile(join(binariesDir, 'package.json'), JSON.stringify({ name: 'broken', version }));
    const program = '#!/bin/sh\necho made for another machine >&2\nexit 1\n';
    await writeFile(join(binariesDir, 'native/bin/postgres'), program, { mode: 0o755 });
    atEnd(t, () => rm(`/var/cache/kazi/broken-${version}`, { recursive: true, force: true }));
    await assert.rejects(startEmbeddedPostgres({ dataDir: join(scratch, 'data'), log: silentLogger(), binariesDir }), {
      code: 'EMBEDDED_DATABASE_FAILED',
      message: /made for another machine.*Set DATABASE_URL/s,
    });
  });
});
