import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmod,
  lchown,
  link,
  lstat,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  truncate,
  utimes,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isKaziError } from '../../src/core/errors.ts';
import { copyTree } from '../../src/workspaces/copy-tree.ts';

interface Folders {
  readonly source: string;
  readonly target: string;
  /** Beside the source, where no copy may look. */
  readonly outside: string;
}

const makeFolders = async (t: TestContext): Promise<Folders> => {
  const root = await mkdtemp(join(tmpdir(), 'kazi copies '));
  t.after(async () => await rm(root, { recursive: true, force: true }));
  const folders = { source: join(root, 'source'), target: join(root, 'target'), outside: join(root, 'outside') };
  for (const folder of Object.values(folders)) await mkdir(folder);
  await writeFile(join(folders.outside, 'secret'), 'not yours');
  return folders;
};

test('copies folders, files of any size, their permissions and times; names and bytes as they are', async (t) => {
  const { source, target } = await makeFolders(t);
  const big = Buffer.from(Array.from({ length: 700_001 }, (_, place) => place % 251));
  await mkdir(join(source, '.kazi/deep/er'), { recursive: true });
  await mkdir(join(source, 'empty'));
  await mkdir(join(source, 'shut'));
  await writeFile(join(source, 'shut/inside'), 'x');
  await writeFile(join(source, '.kazi/deep/er/big'), big);
  await writeFile(join(source, 'a\nname – with ünïcode'), '');
  await writeFile(join(source, 'run'), '#!/bin/sh\n', { mode: 0o755 });
  await chmod(join(source, 'run'), 0o4755);
  await utimes(join(source, 'run'), 1_000, 2_000);
  await chmod(join(source, 'shut'), 0o500);
  assert.equal(await copyTree(source, target), true);
  assert.deepEqual(
    (await readdir(target, { recursive: true })).toSorted(),
    (await readdir(source, { recursive: true })).toSorted(),
  );
  assert.ok((await readFile(join(target, '.kazi/deep/er/big'))).equals(big));
  const run = await stat(join(target, 'run'));
  assert.deepEqual([run.mode & 0o7777, run.mtimeMs], [0o755, 2_000_000], 'never with the rights of another user');
  assert.equal((await stat(join(target, 'shut'))).mode & 0o777, 0o500);
  await writeFile(join(target, 'run'), 'changed');
  assert.equal(await readFile(join(source, 'run'), 'utf8'), '#!/bin/sh\n');
});

test('a folder that is not there, or is a link, is no workspace', async (t) => {
  const { source, target, outside } = await makeFolders(t);
  await symlink(outside, join(source, 'link'));
  assert.equal(await copyTree(join(source, 'none'), target), false);
  assert.equal(await copyTree(join(source, 'link'), target), false);
  assert.deepEqual(await readdir(target), []);
});

test('links stay links, wherever they lead; pipes are left out, and do not hold the copy up', async (t) => {
  const { source, target, outside } = await makeFolders(t);
  const links = {
    absolute: join(outside, 'secret'),
    folder: '../outside',
    dangling: 'nowhere',
    loop: 'loop',
    top: '/',
  };
  for (const [name, leadsTo] of Object.entries(links)) await symlink(leadsTo, join(source, name));
  execFileSync('mkfifo', [join(source, 'pipe')]);
  await copyTree(source, target);
  assert.deepEqual((await readdir(target)).toSorted(), Object.keys(links).toSorted());
  for (const [name, leadsTo] of Object.entries(links)) {
    assert.ok((await lstat(join(target, name))).isSymbolicLink());
    assert.equal(await readlink(join(target, name)), leadsTo);
  }
});

test("a second name of somebody else's file is left out, one of an own file is a file", {
  skip: process.getuid?.() !== 0,
}, async (t) => {
  const { source, target, outside } = await makeFolders(t);
  await writeFile(join(source, 'own'), 'mine');
  await link(join(source, 'own'), join(source, 'again'));
  await link(join(outside, 'secret'), join(source, 'stolen'));
  await lchown(source, 12_345, 12_345);
  await lchown(join(source, 'own'), 12_345, 12_345);
  await copyTree(source, target);
  assert.deepEqual((await readdir(target)).toSorted(), ['again', 'own']);
  assert.equal(await readFile(join(target, 'again'), 'utf8'), 'mine');
});

test('holes take no room in the copy either', async (t) => {
  const { source, target } = await makeFolders(t);
  const file = await open(join(source, 'sparse'), 'w');
  await file.truncate(64 * 1024 * 1024);
  await file.write(Buffer.from('end'), 0, 3, 64 * 1024 * 1024 - 3);
  await file.close();
  await copyTree(source, target);
  const copied = await stat(join(target, 'sparse'));
  assert.equal(copied.size, 64 * 1024 * 1024);
  assert.ok(copied.blocks * 512 < 1024 * 1024, `${copied.blocks} blocks`);
});

test('a workspace beyond a limit is refused', async (t) => {
  const { source, target } = await makeFolders(t);
  await mkdir(join(source, 'a/b/c'), { recursive: true });
  await writeFile(join(source, 'a/file'), 'twelve bytes');
  const limits = { maxEntries: 4, maxDepth: 3, maxBytes: 12 };
  assert.equal(await copyTree(source, target, limits), true);
  for (const tighter of [{ maxEntries: 3 }, { maxDepth: 2 }, { maxBytes: 11 }]) {
    await rm(target, { recursive: true });
    await mkdir(target);
    await assert.rejects(copyTree(source, target, { ...limits, ...tighter }), (error) =>
      isKaziError(error, 'FORK_REFUSED'),
    );
  }
});

test('whoever swaps, cuts and removes files meanwhile neither gets the copy out of the source nor stops it', async (t) => {
  const { source, target, outside } = await makeFolders(t);
  for (let number = 0; number < 40; number += 1) {
    await mkdir(join(source, `folder-${number}`));
    await writeFile(join(source, `folder-${number}/file`), Buffer.alloc(100_000, 'x'));
    await writeFile(join(source, `file-${number}`), Buffer.alloc(100_000, 'y'));
  }
  await mkdir(join(outside, 'tree'));
  await writeFile(join(outside, 'tree/file'), 'not yours');
  const stop = new AbortController();
  const attack = async (): Promise<void> => {
    for (let number = 0; !stop.signal.aborted; number = (number + 1) % 40) {
      const file = join(source, `file-${number}`);
      const folder = join(source, `folder-${number}`);
      await truncate(file, number * 100).catch(() => undefined);
      await rename(folder, `${folder}-away`).catch(() => undefined);
      await symlink(join(outside, 'tree'), folder).catch(() => undefined);
      await rm(file, { force: true });
      await symlink(join(outside, 'secret'), file).catch(() => undefined);
      await rm(folder, { force: true }).catch(() => undefined);
      await rename(`${folder}-away`, folder).catch(() => undefined);
      await rm(file, { force: true });
      await writeFile(file, Buffer.alloc(100_000, 'y'));
    }
  };
  const attacking = attack();
  let copied = 0;
  try {
    for (let round = 0; round < 8; round += 1) {
      const into = join(target, String(round));
      await mkdir(into);
      await copyTree(source, into);
      // Not through the links, which were copied as such.
      for (const entry of await readdir(into, { recursive: true, withFileTypes: true })) {
        if (!entry.isFile()) continue;
        const path = join(entry.parentPath, entry.name);
        assert.ok(!(await readFile(path)).includes('not yours'), `${path} came from outside`);
        copied += 1;
      }
    }
  } finally {
    stop.abort();
    await attacking;
  }
  assert.ok(copied > 100, `only ${copied} files were copied`);
});
