import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { collectSources, joinFiles } from '../../scripts/demo/collect-sources.ts';
import { demoEnvironment } from '../../scripts/demo/server-process.ts';
import { scriptBlocks } from '../../src/runtimes/shell/script-blocks.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

describe('the demo', () => {
  test('runs a real job on the sources of the clone, saves what it made, and ends with 0', async (t) => {
    const child = spawn(process.execPath, ['scripts/demo.ts'], {
      cwd: root,
      env: demoEnvironment(process.env),
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exit = new Promise((resolve) => child.once('exit', resolve));
    const stdout = (await child.stdout.setEncoding('utf8').toArray()).join('');
    assert.equal(await exit, 0, stdout);
    assert.match(stdout, /^status +complete$/m);
    assert.match(stdout, /^sandbox +\S/m);
    assert.match(stdout, /stopped with exit code 0/);
    const picturePath = /^artifact +(\S.*\/picture\.svg), /m.exec(stdout)?.[1] ?? '';
    t.after(async () => await rm(dirname(picturePath), { recursive: true, force: true }));
    await expectPicture(picturePath);
    const report = await readFile(picturePath.replace('picture.svg', 'report.txt'), 'utf8');
    // Marks of files and the end of the text are no lines of a file.
    const lines = (await collectSources(root)).split('\n').filter((line) => !line.startsWith('@@ ')).length - 1;
    assert.equal(Number(/^all +\d+ +(\d+) /m.exec(report)?.[1]), lines);
    assert.match(report, /^ *\d+ {2}src\/\S+\.ts$/m);
    assert.match(report, /^app +-> .*\bcore\(\d+\)/m);
  });

  test('has a job of four steps that fits into one input', async () => {
    const job = await readFile(new URL('../../demo/draw-sources.md', import.meta.url), 'utf8');
    assert.equal(scriptBlocks(job).length, 4);
    assert.ok(job.length <= 20_000, `found ${job.length} characters`);
  });

  test('marks where each file begins, also after one that ends without a line break', () => {
    const files = [
      { path: 'src/a.ts', text: 'x' },
      { path: 'src/b.ts', text: '' },
      { path: 'src/c.ts', text: 'y\n' },
    ];
    assert.equal(joinFiles(files), '@@ src/a.ts\nx\n@@ src/b.ts\n@@ src/c.ts\ny\n');
  });
});

/** Well-formed as far as a picture of flat elements can be: every tag is closed, in order, and holds no bare mark. */
const expectPicture = async (path: string): Promise<void> => {
  const svg = await readFile(path, 'utf8');
  assert.match(svg, /^<\?xml version="1\.0" encoding="UTF-8"\?>\n<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" /);
  const open: string[] = [];
  for (const [, close, name = '', self] of svg
    .replace(/^<\?.*\?>/, '')
    .matchAll(/<(\/?)(\w+)(?:\s[\w:-]+="[^"<]*")*\s*(\/?)>/g)) {
    if (close) assert.equal(open.pop(), name);
    else if (!self) open.push(name);
  }
  assert.deepEqual(open, []);
  assert.doesNotMatch(svg, /NaN|undefined|&(?!(?:amp|lt|gt|quot);)/);
  assert.ok((svg.match(/<rect /g) ?? []).length > 20);
};
