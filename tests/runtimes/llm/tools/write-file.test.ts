import assert from 'node:assert/strict';
import { readdir, stat, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { writeTool } from '../../../../src/runtimes/llm/tools/write-file.ts';
import { findSkipReason, makeFolder, makeProvider } from '../../../sandboxes/support.ts';
import { badText, goodText, openBench } from './support.ts';

const skip = await findSkipReason('bubblewrap');
const provider = makeProvider('bubblewrap');
after(() => provider.stop());

describe('the write tool', { skip, concurrency: 2 }, () => {
  test('creates a file with its folders, then replaces it, and tells which', async (t) => {
    const bench = await openBench(t, provider);
    const first = await bench.call(writeTool, { path: 'a/ü "b".txt', content: 'ä\nb' });
    assert.equal(goodText(first), String.raw`Created "a/ü \"b\".txt" (4 bytes, 2 lines).`);
    assert.equal((await bench.sandbox.read('a/ü "b".txt')).toString(), 'ä\nb');
    const second = await bench.call(writeTool, { path: 'a/ü "b".txt', content: 'x\n' });
    assert.match(goodText(second), /^Replaced .* \(2 bytes, 1 line; it had 4 bytes\)\.$/);
    assert.equal((await bench.sandbox.read('a/ü "b".txt')).toString(), 'x\n');
    assert.equal(
      goodText(await bench.call(writeTool, { path: 'empty', content: '' })),
      'Created empty (0 bytes, 0 lines).',
    );
  });

  test('keeps the mode of the file it replaces', async (t) => {
    const workspaceDir = join(await makeFolder(t), 'workspace');
    const bench = await openBench(t, provider, { workspaceDir });
    await bench.sandbox.run({ script: 'echo x > run.sh; chmod 755 run.sh' });
    goodText(await bench.call(writeTool, { path: 'run.sh', content: 'echo y' }));
    assert.equal((await stat(join(workspaceDir, 'run.sh'))).mode & 0o777, 0o755);
  });

  test('refuses folders, links and paths that lead outside, and writes nothing', async (t) => {
    const workspaceDir = join(await makeFolder(t), 'workspace');
    const outside = await makeFolder(t);
    const bench = await openBench(t, provider, { workspaceDir });
    await bench.sandbox.write('file', 'x');
    await bench.sandbox.write('d/f', 'x');
    await symlink(outside, join(workspaceDir, 'folder'));
    await symlink(join(outside, 'new'), join(workspaceDir, 'link'));
    const write = async (path: string) => badText(await bench.call(writeTool, { path, content: 'evil' }));
    assert.match(await write('d'), /^d is a folder/);
    assert.match(await write('new/'), /names a folder/);
    assert.match(await write('link'), /symbolic link/);
    assert.match(await write('folder/new'), /Path refused/);
    assert.match(await write('../new'), /Path refused/);
    assert.match(await write('.'), /is a folder/);
    assert.match(await write('file/below'), /A part of the path is a file/);
    assert.deepEqual(await readdir(outside), []);
    assert.deepEqual((await readdir(workspaceDir)).sort(), ['d', 'file', 'folder', 'link']);
  });
});
