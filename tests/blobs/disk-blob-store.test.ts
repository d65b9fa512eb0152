import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, describe, test } from 'node:test';
import { DiskBlobStore } from '../../src/blobs/disk/disk-blob-store.ts';
import { blobStoreSuite } from './suite.ts';

const HELLO = '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824';

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kazi blobs '));
});
after(() => rm(folder, { recursive: true, force: true }));

const newFolder = () => mkdtemp(join(folder, 'store-'));
const hello = () => Readable.from([Buffer.from('hello')]);

blobStoreSuite('the disk store', async () => new DiskBlobStore(await newFolder()));

describe('the files of the disk store', () => {
  test('lie under their digest, for this user only, and no draft remains', async () => {
    const root = join(await newFolder(), 'blobs');
    await new DiskBlobStore(root).put(hello());
    const path = join(root, HELLO.slice(0, 2), HELLO.slice(2));
    assert.equal(await readFile(path, 'utf8'), 'hello');
    const modes = await Promise.all(
      [root, join(root, '2c'), path].map(async (each) => (await stat(each)).mode & 0o777),
    );
    assert.deepEqual(modes, [0o700, 0o700, 0o600]);
    assert.deepEqual(await readdir(join(root, 'incoming')), []);
  });

  test('are seen by another store on the same folder', async () => {
    const root = await newFolder();
    await new DiskBlobStore(root).put(hello());
    assert.deepEqual(await new DiskBlobStore(root).stat(HELLO), { sha256: HELLO, sizeBytes: 5 });
  });

  test('are healed when the same bytes are put again', async () => {
    const root = await newFolder();
    const store = new DiskBlobStore(root);
    await store.put(hello());
    const path = join(root, HELLO.slice(0, 2), HELLO.slice(2));
    await writeFile(path, 'damaged');
    await store.put(hello());
    assert.equal(await readFile(path, 'utf8'), 'hello');
  });

  test('are not read through a symbolic link', async () => {
    const root = await newFolder();
    const store = new DiskBlobStore(root);
    await store.put(hello());
    const path = join(root, HELLO.slice(0, 2), HELLO.slice(2));
    await rm(path);
    await symlink('/etc/hostname', path);
    assert.equal(await store.stat(HELLO), null);
    await assert.rejects(store.open(HELLO), { code: 'BLOB_NOT_FOUND' });
  });

  test('leave no draft when a put fails', async () => {
    const root = await newFolder();
    const broken = new Readable({ read: () => broken.destroy(new Error('broken')) });
    await assert.rejects(new DiskBlobStore(root).put(broken), /broken/);
    assert.deepEqual(await readdir(join(root, 'incoming')), []);
  });

  test('of crashed uploads are removed once they are old enough', async () => {
    const root = await newFolder();
    const store = new DiskBlobStore(root);
    assert.equal(await store.removeAbandoned(new Date()), 0);
    await store.put(hello());
    for (const name of ['old', 'young']) await writeFile(join(root, 'incoming', name), 'x');
    await utimes(join(root, 'incoming', 'old'), 1000, 1000);
    assert.equal(await store.removeAbandoned(new Date(2_000_000)), 1);
    assert.deepEqual(await readdir(join(root, 'incoming')), ['young']);
    assert.equal(await store.has(HELLO), true);
  });
});
