import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  appendFile,
  link,
  mkdir,
  mkdtemp,
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
import { buffer } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { MemoryBlobStore } from '../../src/blobs/memory/memory-blob-store.ts';
import { openFileInside } from '../../src/workspaces/open-folder.ts';
import { type PublishLimits, publishChanged } from '../../src/workspaces/publish.ts';
import { changedFiles, scanWorkspace, type WorkspaceScan } from '../../src/workspaces/scan.ts';
import { prepareWorkspace } from '../../src/workspaces/workspace.ts';

const LIMITS: PublishLimits = { maxFiles: 100, maxFileBytes: 1_000_000, maxTotalBytes: 10_000_000 };

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'kazi workspaces '));
  await mkdir(join(folder, 'outside'));
  await writeFile(join(folder, 'outside', 'secret.txt'), 'secret of the host');
});
after(() => rm(folder, { recursive: true, force: true }));

let sessions = 0;
const newWorkspace = () => {
  sessions += 1;
  return prepareWorkspace(folder, sessions);
};

const publish = async (root: string, earlier: WorkspaceScan, limits: Partial<PublishLimits> = {}) => {
  const blobs = new MemoryBlobStore();
  return { blobs, ...(await publishChanged({ root, before: earlier, blobs, limits: { ...LIMITS, ...limits } })) };
};

const pathsOf = (entries: readonly { readonly path: string }[]) => entries.map((entry) => entry.path);

describe('a workspace', () => {
  test('lies under the number of its session and is closed to others', async () => {
    const root = await newWorkspace();
    assert.equal(root, join(folder, 'workspaces', String(sessions), 'files'));
    assert.equal((await stat(root)).mode & 0o777, 0o700);
    await writeFile(join(root, 'kept'), 'x');
    assert.equal(await prepareWorkspace(folder, sessions), root);
    assert.ok((await scanWorkspace(root)).files.has('kept'));
  });
});

describe('the difference between two scans', () => {
  test('holds files that were added, grown, rewritten, touched or replaced, and no others', async () => {
    const root = await newWorkspace();
    for (const name of ['same', 'grown', 'rewritten', 'replaced', 'deleted']) {
      await writeFile(join(root, name), 'v1');
      await utimes(join(root, name), 1000, 1000);
    }
    const earlier = await scanWorkspace(root);
    await appendFile(join(root, 'grown'), 'more');
    await writeFile(join(root, 'rewritten'), 'v2');
    await writeFile(join(root, 'draft'), 'v2');
    await rename(join(root, 'draft'), join(root, 'replaced'));
    await utimes(join(root, 'replaced'), 1000, 1000);
    await mkdir(join(root, 'new'));
    await writeFile(join(root, 'new', 'added'), '');
    await rm(join(root, 'deleted'));
    assert.deepEqual(changedFiles(earlier, await scanWorkspace(root)), ['grown', 'new/added', 'replaced', 'rewritten']);
  });

  test('a folder that does not exist is empty', async () => {
    const scan = await scanWorkspace(join(folder, 'nowhere'));
    assert.deepEqual([scan.files.size, scan.isComplete], [0, true]);
  });

  test('leaves out the folder .kazi at the top, and nothing else that is hidden or named like it', async () => {
    const root = await newWorkspace();
    const earlier = await scanWorkspace(root);
    await mkdir(join(root, '.kazi', 'output'), { recursive: true });
    await mkdir(join(root, 'a', '.kazi'), { recursive: true });
    await mkdir(join(root, '.kazi2'));
    for (const name of ['.kazi/x', '.kazi/output/1.txt', 'a/.kazi/y', '.kazi2/z', '.hidden']) {
      await writeFile(join(root, name), '');
    }
    const changed = changedFiles(earlier, await scanWorkspace(root));
    assert.deepEqual(changed, ['.hidden', '.kazi2/z', 'a/.kazi/y']);
  });

  test('a scan stops at its limits and says so', async () => {
    const root = await newWorkspace();
    await mkdir(join(root, 'a', 'b', 'c'), { recursive: true });
    for (const name of ['1', '2', 'a/3', 'a/b/4', 'a/b/c/5']) await writeFile(join(root, name), '');
    const whole = await scanWorkspace(root, { maxEntries: 8, maxDepth: 3 });
    assert.deepEqual([whole.files.size, whole.isComplete], [5, true]);
    const few = await scanWorkspace(root, { maxEntries: 7, maxDepth: 3 });
    assert.equal(few.isComplete, false);
    const shallow = await scanWorkspace(root, { maxEntries: 100, maxDepth: 1 });
    assert.deepEqual([[...shallow.files.keys()].sort(), shallow.isComplete], [['1', '2', 'a/3'], false]);
  });
});

describe('publishing', () => {
  test('describes each changed file and keeps its bytes', async () => {
    const root = await newWorkspace();
    await writeFile(join(root, 'old.txt'), 'old');
    const earlier = await scanWorkspace(root);
    await mkdir(join(root, 'out'));
    await writeFile(join(root, 'out', 'report.md'), '# Report');
    await utimes(join(root, 'out', 'report.md'), 1_700_000_000, 1_700_000_000);
    const { entries, skipped, blobs } = await publish(root, earlier);
    const [entry] = entries;
    assert.ok(entry);
    assert.deepEqual(skipped, []);
    assert.equal(entries.length, 1);
    const { createdAt, ...rest } = entry;
    assert.deepEqual(rest, {
      path: 'out/report.md',
      sha256: createHash('sha256').update('# Report').digest('hex'),
      sizeBytes: 8,
      contentType: 'text/markdown',
      modifiedAt: new Date(1_700_000_000_000),
    });
    assert.ok(createdAt === null || createdAt instanceof Date);
    assert.equal(String(await buffer(await blobs.open(entry.sha256))), '# Report');
  });

  test('keeps a file of several chunks and an empty one whole', async () => {
    const root = await newWorkspace();
    const earlier = await scanWorkspace(root);
    await writeFile(join(root, 'big'), Buffer.alloc(700_001, 'x'));
    await writeFile(join(root, 'empty'), '');
    const { entries } = await publish(root, earlier);
    assert.deepEqual(
      entries.map((entry) => entry.sizeBytes),
      [700_001, 0],
    );
  });

  test('takes any name that text can spell, and sorts bytewise', async () => {
    const root = await newWorkspace();
    const earlier = await scanWorkspace(root);
    const names = [' ', '#?%2e', '-rf', '...', 'a\nb', 'a\\b', 'é', 'ﬀ', '😀'];
    for (const name of names) await writeFile(join(root, name), name);
    assert.deepEqual(pathsOf((await publish(root, earlier)).entries), names);
  });

  test('leaves out names that no URL can ask for', async (t) => {
    const root = await newWorkspace();
    const earlier = await scanWorkspace(root);
    await writeFile(join(root, '..\\..\\evil'), 'x');
    const invalidUtf8 = Buffer.concat([Buffer.from(`${root}/`), Buffer.from([0x61, 0xff])]);
    await writeFile(invalidUtf8, 'x').catch(() => t.diagnostic('this file system refuses names that are not UTF-8'));
    const { entries, skipped } = await publish(root, earlier);
    assert.deepEqual(entries, []);
    assert.deepEqual(skipped, [{ path: '..\\..\\evil', reason: 'unservable_name' }]);
  });

  test('refuses what goes beyond each limit and goes on with the rest', async () => {
    const root = await newWorkspace();
    const earlier = await scanWorkspace(root);
    await writeFile(join(root, 'a'), '12345');
    await writeFile(join(root, 'b'), '');
    await truncate(join(root, 'b'), 1e12);
    await writeFile(join(root, 'c'), '123456');
    await writeFile(join(root, 'd'), '1');
    await writeFile(join(root, 'e'), '1');
    const { entries, skipped } = await publish(root, earlier, { maxFileBytes: 8, maxTotalBytes: 10, maxFiles: 2 });
    assert.deepEqual(pathsOf(entries), ['a', 'd']);
    assert.deepEqual(
      skipped.map(({ path, reason }) => [path, reason]),
      [
        ['b', 'too_large'],
        ['c', 'too_large'],
        ['e', 'too_many'],
      ],
    );
  });

  test('stops when it is aborted', async () => {
    const root = await newWorkspace();
    const earlier = await scanWorkspace(root);
    await writeFile(join(root, 'a'), '1');
    const publishing = { root, before: earlier, blobs: new MemoryBlobStore(), limits: LIMITS };
    await assert.rejects(publishChanged({ ...publishing, signal: AbortSignal.abort(new Error('stopped')) }), /stopped/);
  });
});

describe('a hostile workspace', () => {
  const secret = () => join(folder, 'outside', 'secret.txt');

  test('gives away nothing through symbolic links to files, folders, itself or nothing', async () => {
    const root = await newWorkspace();
    const earlier = await scanWorkspace(root);
    await symlink(secret(), join(root, 'file'));
    await symlink(join(folder, 'outside'), join(root, 'folder'));
    await symlink('/', join(root, 'top'));
    await symlink('.', join(root, 'loop'));
    await symlink('nowhere', join(root, 'dangling'));
    await writeFile(join(root, 'honest'), 'x');
    await symlink('honest', join(root, 'inside'));
    assert.deepEqual(pathsOf((await publish(root, earlier)).entries), ['honest']);
  });

  test('does not block on a pipe, and pipes, sockets and devices are not published', async () => {
    const root = await newWorkspace();
    const earlier = await scanWorkspace(root);
    execFileSync('mkfifo', [join(root, 'pipe')]);
    const { entries, skipped } = await publish(root, earlier);
    assert.deepEqual([entries, skipped], [[], []]);
    assert.equal(await openFileInside(root, 'pipe'), null);
  });

  test('cannot swap a file or a folder for a link after the scan', async () => {
    const root = await newWorkspace();
    const earlier = await scanWorkspace(root);
    await mkdir(join(root, 'sub'));
    for (const name of ['a', 'secret.txt', 'sub/secret.txt', 'z']) await writeFile(join(root, name), 'mine');
    const blobs = new MemoryBlobStore();
    // The first file to be kept gives the moment between the scan and the opening of the others.
    let isSwapped = false;
    const swap = async () => {
      isSwapped = true;
      await rm(join(root, 'secret.txt'));
      await rm(join(root, 'sub'), { recursive: true });
      await symlink(secret(), join(root, 'secret.txt'));
      await symlink(join(folder, 'outside'), join(root, 'sub'));
    };
    const swapping = {
      put: async (...given: Parameters<typeof blobs.put>) => {
        if (!isSwapped) await swap();
        return await blobs.put(...given);
      },
    };
    const { entries, skipped } = await publishChanged({ root, before: earlier, blobs: swapping, limits: LIMITS });
    assert.deepEqual(pathsOf(entries), ['a', 'z']);
    assert.deepEqual(skipped, [
      { path: 'secret.txt', reason: 'not_a_file' },
      { path: 'sub/secret.txt', reason: 'not_a_file' },
    ]);
  });

  test('a file that replaces another after the scan is published, a hard link to the outside that does so is not', async () => {
    const root = await newWorkspace();
    const earlier = await scanWorkspace(root);
    for (const name of ['a', 'fresh', 'stolen']) await writeFile(join(root, name), 'mine');
    const blobs = new MemoryBlobStore();
    let isSwapped = false;
    const swap = async () => {
      isSwapped = true;
      await writeFile(join(root, 'draft'), 'fresh');
      await rename(join(root, 'draft'), join(root, 'fresh'));
      await rm(join(root, 'stolen'));
      await link(secret(), join(root, 'stolen'));
    };
    const swapping = {
      put: async (...given: Parameters<typeof blobs.put>) => {
        if (!isSwapped) await swap();
        return await blobs.put(...given);
      },
    };
    const { entries, skipped } = await publishChanged({ root, before: earlier, blobs: swapping, limits: LIMITS });
    assert.deepEqual(
      entries.map(({ path, sizeBytes }) => [path, sizeBytes]),
      [
        ['a', 4],
        ['fresh', 5],
      ],
    );
    assert.deepEqual(skipped, [{ path: 'stolen', reason: 'linked_outside' }]);
  });

  test('publishes what was opened, whatever takes its place while it is read', async () => {
    const root = await newWorkspace();
    const earlier = await scanWorkspace(root);
    await writeFile(join(root, 'a'), 'mine');
    const blobs = new MemoryBlobStore();
    const swapping = {
      put: async (...given: Parameters<typeof blobs.put>) => {
        await rm(join(root, 'a'));
        await symlink(secret(), join(root, 'a'));
        return await blobs.put(...given);
      },
    };
    const { entries } = await publishChanged({ root, before: earlier, blobs: swapping, limits: LIMITS });
    assert.deepEqual(
      entries.map((entry) => entry.sha256),
      [createHash('sha256').update('mine').digest('hex')],
    );
  });

  test('cannot give away a file outside through a hard link, but may link its own files', async () => {
    const root = await newWorkspace();
    const earlier = await scanWorkspace(root);
    await link(secret(), join(root, 'stolen'));
    await writeFile(join(root, 'own'), 'x');
    await link(join(root, 'own'), join(root, 'own too'));
    const { entries, skipped } = await publish(root, earlier);
    assert.deepEqual(pathsOf(entries), ['own', 'own too']);
    assert.deepEqual(skipped, [{ path: 'stolen', reason: 'linked_outside' }]);
  });

  test('a file that grows while it is read is kept as long as it was', async () => {
    const root = await newWorkspace();
    const earlier = await scanWorkspace(root);
    await writeFile(join(root, 'log'), 'first');
    const blobs = new MemoryBlobStore();
    const growing = {
      put: async (...given: Parameters<typeof blobs.put>) => {
        await appendFile(join(root, 'log'), ' second');
        return await blobs.put(...given);
      },
    };
    const { entries } = await publishChanged({ root, before: earlier, blobs: growing, limits: LIMITS });
    assert.deepEqual(
      entries.map((entry) => entry.sizeBytes),
      [5],
    );
  });
});
