import assert from 'node:assert/strict';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { listTool } from '../../../../src/runtimes/llm/tools/list-files.ts';
import { findSkipReason, makeFolder, makeProvider } from '../../../sandboxes/support.ts';
import { badText, goodText, openBench } from './support.ts';

const skip = await findSkipReason('bubblewrap');
const provider = makeProvider('bubblewrap');
after(() => provider.stop());

describe('the list tool', { skip, concurrency: 2 }, () => {
  test('lists a folder by name, with sizes and marks', async (t) => {
    const workspaceDir = join(await makeFolder(t), 'workspace');
    const bench = await openBench(t, provider, { workspaceDir });
    for (const name of ['b.txt', 'a/x', 'new\nline', '世界', ' space']) await bench.sandbox.write(name, 'four');
    await symlink('/etc', join(workspaceDir, 'link'));
    await bench.sandbox.run({ script: 'mkfifo pipe' });
    assert.equal(
      goodText(await bench.call(listTool, {})),
      '" space"\t4\na/\nb.txt\t4\nlink\tsymbolic link\n"new\\nline"\t4\npipe\tpipe, socket or device\n世界\t4',
    );
    assert.equal(goodText(await bench.call(listTool, { path: 'a' })), 'a/x\t4');
    assert.equal(goodText(await bench.call(listTool, { path: '/workspace/b.txt' })), 'b.txt\t4');
  });

  test('enters folders when asked, but not those that nobody wrote', async (t) => {
    const bench = await openBench(t, provider);
    for (const name of ['a/b/c', '.git/config', 'a/node_modules/p/q', '.kazi/output/1.txt', 'z']) {
      await bench.sandbox.write(name, '');
    }
    assert.equal(
      goodText(await bench.call(listTool, { recursive: true })),
      '.git/\n.kazi/\na/\na/b/\na/b/c\t0\na/node_modules/\nz\t0',
    );
    assert.equal(
      goodText(await bench.call(listTool, { recursive: true, path: 'a/node_modules' })),
      'a/node_modules/p/\na/node_modules/p/q\t0',
    );
  });

  test('says when there is more than it gives', async (t) => {
    const bench = await openBench(t, provider);
    await bench.sandbox.run({ script: 'mkdir d; touch d/{1..9}' });
    assert.match(
      goodText(await bench.call(listTool, { path: 'd', limit: 8 })),
      /d\/8\t0\n\[The first 8 entries\. There are more/,
    );
    assert.doesNotMatch(goodText(await bench.call(listTool, { path: 'd', limit: 9 })), /\[/);
    const long = 'n'.repeat(240);
    await bench.sandbox.run({ script: `mkdir long; cd long; for i in {1..400}; do : > ${long}$i; done` });
    const text = goodText(await bench.call(listTool, { path: 'long' }));
    assert.ok(text.length < 40_000);
    assert.match(text, /There are more/);
  });

  test('tells an empty folder from one that is not there', async (t) => {
    const bench = await openBench(t, provider);
    assert.equal(goodText(await bench.call(listTool, {})), 'The workspace is empty.');
    await bench.sandbox.run({ script: 'mkdir e' });
    assert.equal(goodText(await bench.call(listTool, { path: 'e' })), 'e/ is empty.');
    assert.match(badText(await bench.call(listTool, { path: 'f' })), /There is no f\. Nearest in the workspace: e\//);
  });

  test('refuses links and paths that lead outside', async (t) => {
    const workspaceDir = join(await makeFolder(t), 'workspace');
    const bench = await openBench(t, provider, { workspaceDir });
    await symlink('/etc', join(workspaceDir, 'link'));
    assert.match(badText(await bench.call(listTool, { path: 'link' })), /symbolic link/);
    assert.match(badText(await bench.call(listTool, { path: 'link/ssl' })), /Path refused/);
    assert.match(badText(await bench.call(listTool, { path: '/' })), /Path refused/);
  });

  test('rejects when it was aborted', async (t) => {
    const bench = await openBench(t, provider);
    await assert.rejects(bench.call(listTool, {}, { signal: AbortSignal.abort(new Error('canceled')) }), /canceled/);
  });
});
