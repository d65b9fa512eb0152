import assert from 'node:assert/strict';
import { symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { bashTool } from '../../../../src/runtimes/llm/tools/bash.ts';
import { scanWorkspace } from '../../../../src/workspaces/scan.ts';
import { findProcesses, findSkipReason, makeFolder, makeProvider, uniqueSeconds } from '../../../sandboxes/support.ts';
import { badText, goodText, openBench } from './support.ts';

const skip = await findSkipReason('bubblewrap');
const provider = makeProvider('bubblewrap');
after(() => provider.stop());

describe('the bash tool', { skip, concurrency: 2 }, () => {
  test('gives both outputs in the order of arrival, and emits them', async (t) => {
    const bench = await openBench(t, provider);
    // Two pipes have no common order of their own: each line is printed after the one before it was emitted.
    const waitFor = (number: number): string => `until [ -e go${number} ]; do sleep 0.01; done`;
    const command = `echo one; ${waitFor(1)}; echo two >&2; ${waitFor(2)}; echo three`;
    const writes: Promise<void>[] = [];
    const onEmit = (): void => {
      writes.push(bench.sandbox.write(`go${bench.emitted.length}`, ''));
    };
    const result = await bench.call(bashTool, { command }, { onEmit });
    // The sandbox goes with the test: the last of them is nobody's cue, and may still be under way.
    await Promise.all(writes);
    assert.equal(goodText(result), 'one\ntwo\nthree');
    assert.deepEqual(result.facts, { exit_code: 0 });
    const emitted = bench.emitted.map(({ stream, text }) => `${stream}:${text}`).join('');
    assert.equal(emitted, 'stdout:one\nstderr:two\nstdout:three\n');
  });

  test('names an exit code that is not 0 and calls the result an error', async (t) => {
    const bench = await openBench(t, provider);
    const result = await bench.call(bashTool, { command: 'echo so far; exit 3' });
    assert.equal(badText(result), 'so far\n\nExit code: 3');
    assert.equal(result.facts?.['exit_code'], 3);
    assert.match(badText(await bench.call(bashTool, { command: 'no-such-program' })), /Exit code: 127$/);
  });

  test('says so when nothing was printed', async (t) => {
    const bench = await openBench(t, provider);
    assert.equal(goodText(await bench.call(bashTool, { command: 'true' })), '(no output)');
  });

  test('keeps files but neither folder nor variables from call to call', async (t) => {
    const bench = await openBench(t, provider);
    await bench.call(bashTool, { command: 'mkdir d && cd d && echo kept > f && X=1' });
    assert.equal(
      goodText(await bench.call(bashTool, { command: 'pwd; cat d/f; echo "x=$X"' })),
      '/workspace\nkept\nx=',
    );
  });

  test('cuts long output in the middle, between lines, and keeps all of it in a file that is not published', async (t) => {
    const workspaceDir = join(await makeFolder(t), 'workspace');
    const bench = await openBench(t, provider, { workspaceDir });
    const result = await bench.call(bashTool, { command: 'seq 1 200000; echo end >&2' }, { ordinal: 12 });
    const text = goodText(result);
    assert.ok(text.length < 30_300, String(text.length));
    assert.match(text, /^1\n2\n3\n/);
    assert.match(text, /\n199999\n200000\n/);
    assert.match(
      text,
      /\n\[[\d,]+ lines \([\d,]+ characters\) left out here\. The whole output is in \.kazi\/output\/12\.txt: /,
    );
    for (const line of text.split('\n')) assert.match(line, /^(?:\d{1,6}|end|\[.*\])$/);
    assert.equal(result.facts?.['output_path'], '.kazi/output/12.txt');
    const kept = (await bench.sandbox.read('.kazi/output/12.txt')).toString();
    const numbers = Array.from({ length: 200_000 }, (_, index) => `${index + 1}\n`).join('');
    assert.equal(kept, bench.emitted.map((output) => output.text).join(''));
    assert.equal(kept.replace('end\n', ''), numbers);
    assert.deepEqual([...(await scanWorkspace(workspaceDir)).files.keys()], []);
  });

  test('cuts one line of a million characters without breaking one', async (t) => {
    const bench = await openBench(t, provider);
    const text = goodText(await bench.call(bashTool, { command: `yes 🐘 | head -n 500000 | tr -d '\\n'` }));
    assert.ok(text.isWellFormed());
    assert.ok(!text.includes('\uFFFD'));
    assert.match(text, /^(?:🐘)+\n\[970,00\d characters left out here\. .*\]\n(?:🐘)+$/u);
    assert.equal((await bench.sandbox.read('.kazi/output/7.txt')).toString(), '🐘'.repeat(500_000));
  });

  test('keeps the answer when the file for the output cannot be written', async (t) => {
    const workspaceDir = join(await makeFolder(t), 'workspace');
    const outside = await makeFolder(t);
    const bench = await openBench(t, provider, { workspaceDir });
    await symlink(outside, join(workspaceDir, '.kazi'));
    const text = goodText(await bench.call(bashTool, { command: 'seq 1 20000' }));
    assert.match(text, /could not be kept in \.kazi\/output\/7\.txt/);
    assert.equal((await scanWorkspace(outside)).files.size, 0);
  });

  test('ends a command that takes too long, and says how to let it run longer', async (t) => {
    const bench = await openBench(t, provider);
    const seconds = uniqueSeconds();
    const result = await bench.call(bashTool, { command: `echo begun; sleep ${seconds}`, timeout_seconds: 1 });
    assert.match(badText(result), /^begun\n\nThe command was ended after 1 s, .*timeout_seconds \(at most 600\)/);
    assert.deepEqual(result.facts, { exit_code: null, timed_out: true, limit: 'wall' });
    assert.deepEqual(findProcesses(seconds), []);
  });

  test('ends what was left in the background, and says so', async (t) => {
    const bench = await openBench(t, provider);
    const seconds = uniqueSeconds();
    const text = goodText(await bench.call(bashTool, { command: `sleep ${seconds} &\necho on` }));
    assert.equal(text, 'on\n\nProcesses that the command left in the background were ended with it.');
    assert.deepEqual(findProcesses(seconds), []);
    assert.equal(goodText(await bench.call(bashTool, { command: 'true & wait; echo a && echo b 2>&1' })), 'a\nb');
  });

  test('names the limit that ended a command', async (t) => {
    const bench = await openBench(t, provider, { limits: { outputBytes: 50_000, fileBytes: 1_000_000 } });
    const printed = await bench.call(bashTool, { command: 'yes' });
    assert.match(badText(printed), /The command was ended: it printed more than the sandbox allows/);
    assert.equal(printed.facts?.['limit'], 'output');
    const wrote = await bench.call(bashTool, { command: 'head -c 2000000 /dev/zero > big' });
    assert.match(badText(wrote), /it wrote a file larger|Exit code/);
  });

  test('rejects with the reason of an abort, and the command is gone', async (t) => {
    const bench = await openBench(t, provider);
    const seconds = uniqueSeconds();
    const controller = new AbortController();
    const reason = new Error('canceled by the test');
    const called = bench.call(
      bashTool,
      { command: `echo begun; sleep ${seconds}` },
      { signal: controller.signal, onEmit: () => controller.abort(reason) },
    );
    await assert.rejects(called, reason);
    assert.deepEqual(findProcesses(seconds), []);
    await assert.rejects(bench.call(bashTool, { command: 'true' }, { signal: controller.signal }), reason);
  });

  test('says what ended a command whose sandbox was closed under it', async (t) => {
    const bench = await openBench(t, provider);
    const result = await bench.call(
      bashTool,
      { command: `echo begun; sleep ${uniqueSeconds()}` },
      { onEmit: () => void bench.sandbox.destroy() },
    );
    assert.equal(badText(result), 'begun\n\nThe command was ended by signal SIGKILL.');
  });

  test('tells the model what does not fit in its input', async (t) => {
    const bench = await openBench(t, provider);
    assert.match(badText(await bench.call(bashTool, { cmd: 'ls' })), /command[^]*|Unrecognized key/);
    assert.match(badText(await bench.call(bashTool, { command: 'ls', timeout_seconds: 601 })), /timeout_seconds/);
    assert.equal(goodText(await bench.call(bashTool, { command: 'echo ok', timeout_seconds: null })), 'ok');
  });
});
