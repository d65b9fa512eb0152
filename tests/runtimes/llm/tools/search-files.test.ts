import assert from 'node:assert/strict';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { searchTool } from '../../../../src/runtimes/llm/tools/search-files.ts';
import { findSkipReason, makeFolder, makeProvider } from '../../../sandboxes/support.ts';
import { badText, goodText, openBench } from './support.ts';

const ODD_NAME = "we ird's\n1:2 $(x)-3-.txt";

for (const name of ['bubblewrap', 'just-bash'] as const) {
  const skip = await findSkipReason(name);
  const provider = makeProvider(name);
  after(() => provider.stop());

  describe(`the search tool in a ${name} sandbox`, { skip, concurrency: 2 }, () => {
    test('gives path, line and text of each match, sorted by path', async (t) => {
      const bench = await openBench(t, provider);
      await bench.sandbox.write('b/two.ts', 'const a = 1;\r\nconst b = 22;\r\n');
      await bench.sandbox.write('a.txt', 'no\nconst 世界 = 333\n');
      await bench.sandbox.write(ODD_NAME, 'const odd = 4\n');
      const result = await bench.call(searchTool, { pattern: String.raw`const \S+ = \d{2,}` });
      assert.equal(goodText(result), 'a.txt:2: const 世界 = 333\nb/two.ts:2: const b = 22;');
      assert.deepEqual(result.facts, { matches: 2, files: 2, is_complete: true });
      assert.equal(
        goodText(await bench.call(searchTool, { pattern: 'odd' })),
        `${JSON.stringify(ODD_NAME)}:1: const odd = 4`,
      );
      assert.equal(
        goodText(await bench.call(searchTool, { pattern: 'CONST B', ignore_case: true })),
        'b/two.ts:2: const b = 22;',
      );
    });

    test('shows lines around the matches, apart when they do not meet', async (t) => {
      const bench = await openBench(t, provider);
      await bench.sandbox.write('2024-01-05.md', 'a\nb\nhit\nd\ne\nf\nhit\n--\n');
      assert.equal(
        goodText(await bench.call(searchTool, { pattern: 'hit', context_lines: 1 })),
        ['2-: b', '3:: hit', '4-: d', '', '6-: f', '7:: hit', '8-: --']
          .map((line) => (line === '' ? '--' : line.replace(/^(\d)(.):/, '2024-01-05.md$2$1$2')))
          .join('\n'),
      );
    });

    test('searches where it is told to: a folder, a file, a glob', async (t) => {
      const bench = await openBench(t, provider);
      for (const path of [
        'src/a.ts',
        'src/b.js',
        'src/deep/er/c.ts',
        'src/deep/d.tsx',
        'e.ts',
        'srcs/f.ts',
        'w[x]/g.ts',
      ]) {
        await bench.sandbox.write(path, 'hit\n');
      }
      const find = async (more: object): Promise<readonly string[]> =>
        goodText(await bench.call(searchTool, { pattern: 'hit', ...more }))
          .split('\n')
          .map((line) => line.replace(':1: hit', ''));
      assert.deepEqual(await find({ path: 'src' }), ['src/a.ts', 'src/b.js', 'src/deep/d.tsx', 'src/deep/er/c.ts']);
      assert.deepEqual(await find({ path: 'src/a.ts' }), ['src/a.ts']);
      assert.deepEqual(await find({ path: './src/../src'.replace('/../src', '//') }), [
        'src/a.ts',
        'src/b.js',
        'src/deep/d.tsx',
        'src/deep/er/c.ts',
      ]);
      assert.deepEqual(await find({ glob: '*.{js,tsx}' }), ['src/b.js', 'src/deep/d.tsx']);
      assert.deepEqual(await find({ glob: 'src/*.ts' }), ['src/a.ts']);
      assert.deepEqual(await find({ glob: 'src/**/*.ts' }), ['src/a.ts', 'src/deep/er/c.ts']);
      assert.deepEqual(await find({ glob: '**/c.ts' }), ['src/deep/er/c.ts']);
      assert.deepEqual(await find({ glob: '**/*.ts', path: 'src/deep' }), ['src/deep/er/c.ts']);
      assert.deepEqual(await find({ glob: 'deep/**', path: 'src' }), ['src/deep/d.tsx', 'src/deep/er/c.ts']);
      assert.deepEqual(await find({ glob: '*.ts', path: 'w[x]' }), ['w[x]/g.ts']);
      assert.deepEqual(await find({ glob: '!*.ts' }), ['src/b.js', 'src/deep/d.tsx']);
      assert.deepEqual(await find({ glob: '/e.ts' }), ['e.ts']);
    });

    test('skips binary files, links and folders that nobody wrote, unless these are named', async (t) => {
      const workspaceDir = join(await makeFolder(t), 'workspace');
      const bench = await openBench(t, provider, { workspaceDir });
      for (const path of ['.git/x', '.kazi/output/1.txt', 'a/node_modules/p/q', 'plain']) {
        await bench.sandbox.write(path, 'hit\n');
      }
      await bench.sandbox.write('binary', Buffer.from('\0\nhit\n'));
      await symlink('plain', join(workspaceDir, 'link'));
      await symlink('/etc', join(workspaceDir, 'folder'));
      assert.equal(goodText(await bench.call(searchTool, { pattern: 'hit' })), 'plain:1: hit');
      for (const path of ['.git', '.kazi/output', 'a/node_modules']) {
        assert.match(
          goodText(await bench.call(searchTool, { pattern: 'hit', path })),
          new RegExp(`^${path}/\\S+:1: hit$`),
        );
      }
      assert.match(badText(await bench.call(searchTool, { pattern: 'hit', path: 'link' })), /symbolic link/);
      assert.match(badText(await bench.call(searchTool, { pattern: 'root', path: 'folder/ssl' })), /Path refused/);
      assert.match(badText(await bench.call(searchTool, { pattern: 'root', path: '../' })), /Path refused/);
    });

    test('takes patterns and paths that look like options or shell', async (t) => {
      const bench = await openBench(t, provider);
      await bench.sandbox.write('-r', `a 'b' $(touch evil) \`x\` "c" -v\n`);
      assert.match(goodText(await bench.call(searchTool, { pattern: '-v' })), /^-r:1: a/);
      assert.match(
        goodText(await bench.call(searchTool, { pattern: String.raw`'b' \$\(touch evil\)`, path: '-r' })),
        /^-r:1: a/,
      );
      assert.equal(await bench.sandbox.stat('evil'), null);
    });

    test('says what is wrong with a pattern, and what is not there', async (t) => {
      const bench = await openBench(t, provider);
      await bench.sandbox.write('file', 'x\n');
      assert.match(
        badText(await bench.call(searchTool, { pattern: '(unclosed' })),
        /"\(unclosed" is no valid regular expression: grep: /,
      );
      assert.match(badText(await bench.call(searchTool, { pattern: 'a\nb' })), /line end/);
      assert.match(
        badText(await bench.call(searchTool, { pattern: 'x', path: 'fila' })),
        /Nearest in the workspace: file/,
      );
      assert.match(
        badText(await bench.call(searchTool, { pattern: 'x', glob: '{a,b}'.repeat(8) })),
        /stands for more than/,
      );
      assert.equal(
        goodText(await bench.call(searchTool, { pattern: 'none here' })),
        'No match for "none here" in the workspace.',
      );
    });

    test('gives the first matches and says that there are more', async (t) => {
      const bench = await openBench(t, provider);
      await bench.sandbox.write('many', 'hit\n'.repeat(50));
      const result = await bench.call(searchTool, { pattern: 'hit', limit: 3 });
      assert.match(goodText(result), /^many:1: hit\nmany:2: hit\nmany:3: hit\n\[The first 3 matches\. There are more/);
      assert.equal(result.facts?.['is_complete'], false);
      assert.doesNotMatch(goodText(await bench.call(searchTool, { pattern: 'hit', limit: 50 })), /There are more/);
    });

    test('bounds what long lines take', async (t) => {
      const bench = await openBench(t, provider);
      await bench.sandbox.write('wide', `hit${'🐘'.repeat(250_000)}\n`.repeat(3));
      const text = goodText(await bench.call(searchTool, { pattern: '^hit' }));
      assert.equal(text.split('\n').length, 3);
      assert.ok(text.length < 1600 && text.isWellFormed());
      await bench.sandbox.write('wide', `hit${'x'.repeat(500)}\n`.repeat(200));
      assert.ok(goodText(await bench.call(searchTool, { pattern: '^hit', limit: 1000 })).length < 40_000);
    });
  });
}

const skip = await findSkipReason('bubblewrap');
const provider = makeProvider('bubblewrap');
after(() => provider.stop());

describe('a search that would never end', { skip }, () => {
  test('does not hold up the server: a pattern without end ends in the sandbox', async (t) => {
    const bench = await openBench(t, provider, { limits: { wallMs: 5000 } });
    await bench.sandbox.write('f', `${'a'.repeat(5000)}\n`);
    await bench.sandbox.write('g', 'aab\n');
    const result = await bench.call(searchTool, { pattern: String.raw`^(a+)+(?<!c)b$` });
    assert.match(goodText(result), /g:1: aab/);
  });

  test('gives what it found until its time was up, and says so', async (t) => {
    const bench = await openBench(t, provider, { limits: { wallMs: 2000 } });
    await bench.sandbox.write('first', '1x\n');
    await bench.sandbox.run({ script: 'seq 1000000 5000000 > numbers' });
    const pattern = String.raw`(?:[0-4]|\d|\S)*[xyz]`;
    const partial = await bench.call(searchTool, { pattern });
    assert.match(
      goodText(partial),
      /^first:1: 1x\n\[The search was ended after \d s, with the matches above\. Narrow it/,
    );
    assert.equal(partial.facts?.['is_complete'], false);
    const none = await bench.call(searchTool, { pattern, path: 'numbers' });
    assert.match(badText(none), /^\[The search was ended after \d s, without a match so far/);
  });

  test('is ended when the call is aborted', async (t) => {
    const bench = await openBench(t, provider);
    await bench.sandbox.run({ script: 'seq 1 3000000 > numbers' });
    const controller = new AbortController();
    const called = bench.call(searchTool, { pattern: '(1|2|3|4|5)*x' }, { signal: controller.signal });
    controller.abort(new Error('canceled'));
    await assert.rejects(called, /canceled/);
  });
});
