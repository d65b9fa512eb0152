import assert from 'node:assert/strict';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { TOOL_RESULT_CHARACTERS } from '../../../../src/runtimes/llm/tool.ts';
import { readTool } from '../../../../src/runtimes/llm/tools/read-file.ts';
import { findSkipReason, makeFolder, makeProvider } from '../../../sandboxes/support.ts';
import { badText, goodText, openBench } from './support.ts';

const skip = await findSkipReason('bubblewrap');
const provider = makeProvider('bubblewrap');
after(() => provider.stop());

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);

describe('the read tool', { skip, concurrency: 2 }, () => {
  test('shows lines with their numbers, without line ends and byte order mark', async (t) => {
    const bench = await openBench(t, provider);
    await bench.sandbox.write('d/ä b.txt', '\uFEFFone\r\n\r\ndrei 世界 🐘\nfour');
    const result = await bench.call(readTool, { path: 'd/ä b.txt' });
    assert.equal(goodText(result), '1\tone\n2\t\n3\tdrei 世界 🐘\n4\tfour');
    assert.deepEqual(result.facts, { path: 'd/ä b.txt', bytes: 31, lines: 4 });
    assert.equal(
      goodText(await bench.call(readTool, { path: '/workspace/d/ä b.txt', limit: 1 })).slice(0, 5),
      '1\tone',
    );
  });

  test('gives a part, and says how to go on until the end', async (t) => {
    const bench = await openBench(t, provider);
    await bench.sandbox.write('n', Array.from({ length: 12 }, (_, index) => `line ${index + 1}\n`).join(''));
    assert.equal(
      goodText(await bench.call(readTool, { path: 'n', offset: 9, limit: 2 })),
      ' 9\tline 9\n10\tline 10\n[Lines 9 to 10 of 12. Go on with offset 11.]',
    );
    assert.equal(goodText(await bench.call(readTool, { path: 'n', offset: 11 })), '11\tline 11\n12\tline 12');
    assert.match(
      badText(await bench.call(readTool, { path: 'n', offset: 13 })),
      /n has 12 lines, so there is no line 13/,
    );
  });

  test('gives 2,000 lines unless told otherwise, and never more characters than a result may have', async (t) => {
    const bench = await openBench(t, provider);
    await bench.sandbox.write('short', 'x\n'.repeat(5000));
    assert.match(
      goodText(await bench.call(readTool, { path: 'short' })),
      /\[Lines 1 to 2000 of 5000\. Go on with offset 2001\.\]$/,
    );
    await bench.sandbox.write('wide', `${'w'.repeat(999)}\n`.repeat(500));
    const text = goodText(await bench.call(readTool, { path: 'wide' }));
    assert.ok(text.length < TOOL_RESULT_CHARACTERS);
    const last = Number(/Lines 1 to (\d+) of 500/.exec(text)?.[1]);
    assert.match(
      goodText(await bench.call(readTool, { path: 'wide', offset: last + 1, limit: 1 })),
      new RegExp(`^${last + 1}\t`),
    );
  });

  test('cuts a line of a million characters and says how long it is', async (t) => {
    const bench = await openBench(t, provider);
    await bench.sandbox.write('one', `${'🐘'.repeat(500_000)}\nlast`);
    const text = goodText(await bench.call(readTool, { path: 'one' }));
    assert.match(text, /^1\t(?:🐘){1000}… \[line cut: it has 1000000 characters\]\n2\tlast$/u);
  });

  test('shows parts of a file that is too big to be read whole', async (t) => {
    const bench = await openBench(t, provider);
    const name = "big 'file' ä";
    await bench.sandbox.run({ script: `seq 1 2000000 > "big 'file' ä"; head -c 12000000 /dev/zero > zeros` });
    assert.equal(
      goodText(await bench.call(readTool, { path: name, offset: 1_999_999 })),
      '1999999\t1999999\n2000000\t2000000',
    );
    assert.match(
      goodText(await bench.call(readTool, { path: name, limit: 2 })),
      /^1\t1\n2\t2\n\[Lines 1 to 2\. Go on with offset 3\.\]$/,
    );
    assert.match(badText(await bench.call(readTool, { path: name, offset: 2_000_001 })), /ends before line 2000001/);
    assert.match(badText(await bench.call(readTool, { path: 'zeros' })), /\(binary, 12000000 bytes\) is not text/);
  });

  test('says that an empty file is empty', async (t) => {
    const bench = await openBench(t, provider);
    await bench.sandbox.write('empty', '');
    assert.equal(goodText(await bench.call(readTool, { path: 'empty' })), 'empty is empty (0 bytes).');
  });

  test('hands over images and PDF files that the model takes, by what they are', async (t) => {
    const bench = await openBench(t, provider);
    await bench.sandbox.write('dot.dat', PNG);
    await bench.sandbox.write('doc.pdf', '%PDF-1.4 in plain letters');
    const image = await bench.call(readTool, { path: 'dot.dat' }, { accepts: ['image/png'] });
    assert.deepEqual(image.content, [
      { type: 'text', text: `dot.dat (image/png, ${PNG.length} bytes)` },
      { type: 'file', mediaType: 'image/png', data: PNG.toString('base64') },
    ]);
    const document = await bench.call(readTool, { path: 'doc.pdf' }, { accepts: ['application/pdf'] });
    assert.ok(typeof document.content !== 'string');
    assert.equal(document.content[1]?.type, 'file');
  });

  test('names type and size of what cannot be shown', async (t) => {
    const bench = await openBench(t, provider);
    await bench.sandbox.write('dot.png', PNG);
    assert.match(
      badText(await bench.call(readTool, { path: 'dot.png' })),
      /dot\.png \(image\/png, \d+ bytes\) is not text/,
    );
    await bench.sandbox.write('fake.png', Buffer.from('\0 no image'));
    const fake = await bench.call(readTool, { path: 'fake.png' }, { accepts: ['image/png'] });
    assert.match(badText(fake), /fake\.png \(binary, 10 bytes\) is not text/);
    await bench.sandbox.write('large.png', Buffer.concat([PNG, Buffer.alloc(5 * 1024 * 1024)]));
    const large = await bench.call(readTool, { path: 'large.png' }, { accepts: ['image/png'] });
    assert.match(badText(large), /too large to be shown/);
  });

  test('marks bytes that are no UTF-8', async (t) => {
    const bench = await openBench(t, provider);
    await bench.sandbox.write('latin', Buffer.from('caf\u00e9\n', 'latin1'));
    assert.equal(
      goodText(await bench.call(readTool, { path: 'latin' })),
      '1\tcaf\uFFFD\n[Some of it is not UTF-8 text and is shown as \uFFFD.]',
    );
  });

  test('names what is near a file that is not there', async (t) => {
    const bench = await openBench(t, provider);
    for (const name of ['src/index.ts', 'src/other.md', 'src/Idnex.ts', 'top']) await bench.sandbox.write(name, '');
    assert.match(
      badText(await bench.call(readTool, { path: 'src/idnex.ts' })),
      /^There is no src\/idnex\.ts\. Nearest in the folder src: src\/Idnex\.ts, src\/index\.ts, src\/other\.md\./,
    );
    assert.match(
      badText(await bench.call(readTool, { path: 'lib/a/b' })),
      /Nearest in the workspace: .*src\/.*top|top.*src\//,
    );
    assert.match(
      badText(await bench.call(readTool, { path: 'top/x' })),
      /^There is no top\/x\. Nearest in the workspace/,
    );
  });

  test('points to list for a folder', async (t) => {
    const bench = await openBench(t, provider);
    await bench.sandbox.write('d/f', '');
    assert.match(badText(await bench.call(readTool, { path: 'd' })), /^d is a folder, .*Use list/);
    assert.match(badText(await bench.call(readTool, { path: '.' })), /is a folder/);
  });

  test('refuses links, pipes and paths that lead outside, in words', async (t) => {
    const workspaceDir = join(await makeFolder(t), 'workspace');
    const bench = await openBench(t, provider, { workspaceDir });
    await symlink('/etc/passwd', join(workspaceDir, 'link'));
    await symlink('/etc', join(workspaceDir, 'folder'));
    await bench.sandbox.run({ script: 'mkfifo pipe' });
    assert.match(badText(await bench.call(readTool, { path: 'link' })), /^link is a symbolic link/);
    for (const path of ['folder/passwd', '../outside', '/etc/passwd', 'a/../../b', 'a\0b']) {
      assert.match(badText(await bench.call(readTool, { path })), /^Path refused: found "/, path);
    }
    assert.match(badText(await bench.call(readTool, { path: 'pipe' })), /^pipe is a pipe, socket or device/);
    assert.match(badText(await bench.call(readTool, { path: 'x'.repeat(300) })), /Path refused/);
  });
});
