import assert from 'node:assert/strict';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { editTool } from '../../../../src/runtimes/llm/tools/edit-file.ts';
import { findSkipReason, makeFolder, makeProvider } from '../../../sandboxes/support.ts';
import { badText, goodText, openBench } from './support.ts';

const skip = await findSkipReason('bubblewrap');
const provider = makeProvider('bubblewrap');
after(() => provider.stop());

const LINES = Array.from({ length: 12 }, (_, index) => `line ${index + 1}\n`).join('');

describe('the edit tool', { skip, concurrency: 2 }, () => {
  test('replaces the one place and shows it with the lines around it', async (t) => {
    const bench = await openBench(t, provider);
    await bench.sandbox.write('f', LINES);
    const result = await bench.call(editTool, {
      path: 'f',
      old_text: 'line 5\nline 6',
      new_text: '5\nnew $& $1\n6',
    });
    assert.equal(
      goodText(result),
      'Changed 1 place in f:\n 2\tline 2\n 3\tline 3\n 4\tline 4\n 5\t5\n 6\tnew $& $1\n 7\t6\n 8\tline 7\n 9\tline 8\n10\tline 9',
    );
    assert.equal(
      (await bench.sandbox.read('f')).toString(),
      LINES.replace('line 5\nline 6', () => '5\nnew $& $1\n6'),
    );
    assert.deepEqual(result.facts, { path: 'f', replacements: 1 });
  });

  test('refuses a text that occurs more than once, with its lines, unless all are to be replaced', async (t) => {
    const bench = await openBench(t, provider);
    await bench.sandbox.write('f', 'a\nb\na\nc a\n');
    assert.match(
      badText(await bench.call(editTool, { path: 'f', old_text: 'a', new_text: 'z' })),
      /found 3 times in f, at lines 1, 3, 4\. .*replace_all/,
    );
    assert.equal((await bench.sandbox.read('f')).toString(), 'a\nb\na\nc a\n');
    const all = await bench.call(editTool, { path: 'f', old_text: 'a', new_text: 'aa', replace_all: true });
    assert.match(goodText(all), /^Changed 3 places/);
    assert.equal((await bench.sandbox.read('f')).toString(), 'aa\nb\naa\nc aa\n');
  });

  test('takes overlapping places for ambiguous', async (t) => {
    const bench = await openBench(t, provider);
    await bench.sandbox.write('f', 'xaaax');
    assert.match(badText(await bench.call(editTool, { path: 'f', old_text: 'aa', new_text: 'b' })), /found 2 times/);
    goodText(await bench.call(editTool, { path: 'f', old_text: 'aa', new_text: 'b', replace_all: true }));
    assert.equal((await bench.sandbox.read('f')).toString(), 'xbax');
  });

  test('shows the lines that differ in white space only', async (t) => {
    const bench = await openBench(t, provider);
    await bench.sandbox.write('f.py', 'def f():\n\treturn  1\n\nprint(f())\n');
    assert.match(
      badText(await bench.call(editTool, { path: 'f.py', old_text: 'def f():\n    return 1\n', new_text: 'x' })),
      /differ from it in white space only\. Copy them exactly:\n1\tdef f\(\):\n2\t\treturn {2}1$/,
    );
    assert.match(
      badText(await bench.call(editTool, { path: 'f.py', old_text: 'def f():\n\treturn 2', new_text: 'x' })),
      /Only its first line occurs there/,
    );
    assert.match(
      badText(await bench.call(editTool, { path: 'f.py', old_text: 'class X', new_text: 'x' })),
      /was not found in f\.py\. Read the file/,
    );
  });

  test('keeps the line ends of the file, and all bytes that it does not replace', async (t) => {
    const bench = await openBench(t, provider);
    const edit = async (before: string, oldText: string, newText: string, all = false) => {
      await bench.sandbox.write('f', before);
      goodText(await bench.call(editTool, { path: 'f', old_text: oldText, new_text: newText, replace_all: all }));
      return (await bench.sandbox.read('f')).toString();
    };
    assert.equal(await edit('\uFEFFa\r\nb\r\nc\r\n', 'a\nb', 'x\ny\nz'), '\uFEFFx\r\ny\r\nz\r\nc\r\n');
    assert.equal(await edit('a\r\nb\r\nc\r\n', 'a\r\nb\r\n', 'x\r\n'), 'x\r\nc\r\n');
    assert.equal(await edit('a\r\nb\r\nc', '\nb', ''), 'a\r\nc');
    assert.equal(await edit('a\nb\nc\n', 'a\r\nb', 'x\r\ny'), 'x\ny\nc\n');
    assert.equal(await edit('a\r\nb\nc\r\nb\r\n', 'b', 'n\nm', true), 'a\r\nn\r\nm\nc\r\nn\r\nm\r\n');
    assert.equal(await edit('a\nb\nc\r\nd\n', 'b', 'n\nm'), 'a\nn\nm\nc\r\nd\n');
    assert.equal(await edit('a\rb\r\r\nc', 'b', 'x'), 'a\rx\r\r\nc');
  });

  test('can empty a file', async (t) => {
    const bench = await openBench(t, provider);
    await bench.sandbox.write('f', 'all\n');
    assert.equal(
      goodText(await bench.call(editTool, { path: 'f', old_text: 'all\n', new_text: '' })),
      'Changed 1 place in f:\n(the file is empty now)',
    );
    assert.equal((await bench.sandbox.read('f')).length, 0);
    assert.match(
      badText(await bench.call(editTool, { path: 'f', old_text: 'a', new_text: '' })),
      /f is empty\. Use write/,
    );
  });

  test('refuses texts that are the same, or but for their line ends', async (t) => {
    const bench = await openBench(t, provider);
    await bench.sandbox.write('f', 'a\n');
    assert.match(badText(await bench.call(editTool, { path: 'f', old_text: 'a', new_text: 'a' })), /the same/);
    assert.match(
      badText(await bench.call(editTool, { path: 'f', old_text: 'a\n', new_text: 'a\r\n' })),
      /line ends only/,
    );
    assert.match(badText(await bench.call(editTool, { path: 'f', old_text: '', new_text: 'a' })), /old_text/);
  });

  test('refuses files that it could damage or cannot hold', async (t) => {
    const bench = await openBench(t, provider);
    await bench.sandbox.write('latin', Buffer.from('caf\u00e9 x', 'latin1'));
    await bench.sandbox.write('binary', Buffer.from('a\0x'));
    await bench.sandbox.write('big', 'x'.repeat(9_000_000));
    await bench.sandbox.write('many', 'x'.repeat(300_000));
    const edit = async (path: string, all = false) =>
      badText(await bench.call(editTool, { path, old_text: 'x', new_text: 'y', replace_all: all }));
    assert.match(await edit('latin'), /not UTF-8/);
    assert.match(await edit('binary'), /not a text file/);
    assert.match(await edit('big'), /9000000 bytes; edit takes at most/);
    assert.match(await edit('many'), /found at least 1000 times/);
    assert.match(await edit('many', true), /too much/);
    assert.match(await edit('none'), /There is no none/);
  });

  test('refuses links and folders', async (t) => {
    const workspaceDir = join(await makeFolder(t), 'workspace');
    const bench = await openBench(t, provider, { workspaceDir });
    await bench.sandbox.write('d/real', 'x');
    await symlink('d/real', join(workspaceDir, 'link'));
    const edit = async (path: string) => badText(await bench.call(editTool, { path, old_text: 'x', new_text: 'y' }));
    assert.match(await edit('link'), /symbolic link/);
    assert.match(await edit('d'), /is a folder/);
    assert.match(await edit('../x'), /Path refused/);
    assert.equal((await bench.sandbox.read('d/real')).toString(), 'x');
  });
});
