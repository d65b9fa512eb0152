import assert from 'node:assert/strict';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import type { ArtifactEntry } from '../../../../src/core/artifact.ts';
import { publishTool } from '../../../../src/runtimes/llm/tools/publish-artifact.ts';
import { findSkipReason, makeFolder, makeProvider } from '../../../sandboxes/support.ts';
import { badText, goodText, openBench } from './support.ts';

const skip = await findSkipReason('bubblewrap');
const provider = makeProvider('bubblewrap');
after(() => provider.stop());

const entryOf = (path: string): ArtifactEntry => ({
  path,
  sha256: '0'.repeat(64),
  sizeBytes: 3,
  contentType: path.endsWith('.txt') ? 'text/plain' : null,
  modifiedAt: new Date(0),
  createdAt: null,
});

/** Records what is published; refuses what is named refused. */
const recordPublishing = (asked: string[]) => ({
  publish: (path: string) => {
    asked.push(path);
    return Promise.resolve(path === 'refused' ? null : entryOf(path));
  },
});

describe('the publish tool', { skip, concurrency: 2 }, () => {
  test('publishes a file and says that the user can fetch it', async (t) => {
    const bench = await openBench(t, provider);
    await bench.sandbox.write('out/a b.txt', 'abc');
    const asked: string[] = [];
    const result = await bench.call(
      publishTool,
      { path: '/workspace/out//a b.txt' },
      { services: recordPublishing(asked) },
    );
    assert.equal(goodText(result), 'Published out/a b.txt (3 bytes, text/plain). The user can fetch it now.');
    assert.deepEqual(asked, ['out/a b.txt']);
    assert.deepEqual(result.facts, { paths: ['out/a b.txt'] });
  });

  test('publishes what it can of several files, and tells each that it cannot', async (t) => {
    const workspaceDir = join(await makeFolder(t), 'workspace');
    const bench = await openBench(t, provider, { workspaceDir });
    for (const path of ['one', 'refused', 'd/two']) await bench.sandbox.write(path, 'abc');
    await symlink('/etc/passwd', join(workspaceDir, 'link'));
    const asked: string[] = [];
    const path = ['one', '../out', 'nowhere', 'd', 'link', 'refused', 'd/two', 'one'];
    const result = await bench.call(publishTool, { path }, { services: recordPublishing(asked) });
    const sentences = badText(result).split('\n');
    const expected = [
      /^Published one/,
      /^Path refused/,
      /^There is no nowhere/,
      /^d is a folder/,
      /^link is a symbolic link/,
    ];
    for (const [index, pattern] of [...expected, /^refused could not be published/, /^Published d\/two/].entries()) {
      assert.match(sentences[index] ?? '', pattern);
    }
    assert.equal(sentences.length, 7);
    assert.deepEqual(asked, ['one', 'refused', 'd/two']);
    assert.deepEqual(result.facts, { paths: ['one', 'd/two'] });
  });

  test('takes 50 files at most', async (t) => {
    const bench = await openBench(t, provider);
    const path = Array.from({ length: 51 }, (_, index) => `f${index}`);
    assert.match(badText(await bench.call(publishTool, { path })), /does not fit its schema/);
  });

  test('rejects with faults that are not the model’s', async (t) => {
    const bench = await openBench(t, provider);
    await bench.sandbox.write('one', 'abc');
    const services = { publish: () => Promise.reject(new Error('the store is gone')) };
    await assert.rejects(bench.call(publishTool, { path: 'one' }, { services }), /the store is gone/);
  });
});
