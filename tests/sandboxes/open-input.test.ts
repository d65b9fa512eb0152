import assert from 'node:assert/strict';
import { after, describe, type TestContext, test } from 'node:test';
import { isKaziError } from '../../src/core/errors.ts';
import type { SandboxOptions } from '../../src/sandboxes/sandbox.ts';
import type { SandboxProcess } from '../../src/sandboxes/sandbox-command.ts';
import { findSkipReason, makeProvider, openSandbox } from './support.ts';

const provider = makeProvider('bubblewrap');
after(() => provider.stop());
const skip = await findSkipReason('bubblewrap');

/** A program that stays, with a way to wait for what it says. */
const startProgram = async (
  context: TestContext,
  script: string,
  options: Partial<SandboxOptions> = {},
  timeoutMs?: number,
) => {
  const sandbox = await openSandbox(context, provider, options);
  let said = '';
  let look = (): void => undefined;
  const process: SandboxProcess = await sandbox.spawn({
    argv: ['bash', '-c', script],
    env: { GREETING: "it's me" },
    stdin: 'pipe',
    timeoutMs,
    onOutput: ({ text }) => {
      said += text;
      look();
    },
  });
  const hear = (isEnough: (text: string) => boolean): Promise<string> =>
    new Promise((resolve) => {
      look = () => (isEnough(said) ? resolve(said) : undefined);
      look();
    });
  return { sandbox, process, hear };
};

describe('a program with an open standard input', { skip, concurrency: 2 }, () => {
  test('answers what it is told, as often as it is told something', async (t) => {
    const { process, hear } = await startProgram(t, 'echo "$GREETING"; cat');
    await hear((text) => text === "it's me\n");
    await process.write('one\n');
    await hear((text) => text.endsWith('one\n'));
    await process.write('zwölf\n');
    assert.equal(await hear((text) => text.endsWith('zwölf\n')), "it's me\none\nzwölf\n");
    process.kill();
    const result = await process.result;
    assert.deepEqual([result.exitCode, result.signal, result.limit], [null, 'SIGKILL', null]);
    await assert.rejects(process.write('late\n'));
  });

  test('takes more than a pipe holds', async (t) => {
    const { process, hear } = await startProgram(t, 'head -c 3000000 | wc -c');
    await process.write('x'.repeat(3_000_000));
    assert.equal((await hear((text) => text.includes('\n'))).trim(), '3000000');
    assert.equal((await process.result).exitCode, 0);
  });

  test('is still there when its sandbox ends other commands for their time', async (t) => {
    const { sandbox, process, hear } = await startProgram(t, 'cat', { limits: { wallMs: 100 } });
    assert.equal((await sandbox.run({ script: 'sleep 600' })).limit, 'wall');
    await process.write('still here\n');
    await hear((text) => text === 'still here\n');
  });

  test('ends after the time that it was given', async (t) => {
    const { process } = await startProgram(t, 'cat', {}, 100);
    assert.equal((await process.result).limit, 'wall');
  });

  test('may say as much as a command after each thing that it is told, and no more', async (t) => {
    const script = 'while read -r count; do head -c "$count" /dev/zero | tr "\\0" x; echo; done';
    const { process, hear } = await startProgram(t, script, { limits: { outputBytes: 100_000 } });
    for (let answers = 1; answers <= 3; answers += 1) {
      await process.write('60000\n');
      await hear((text) => text.length === answers * 60_001);
    }
    await process.write('200000\n');
    assert.equal((await process.result).limit, 'output');
  });

  test('ends with its sandbox, and leaves nothing of its input to the next', async (t) => {
    const { sandbox, process, hear } = await startProgram(t, 'echo ready; sleep 600');
    await hear((text) => text === 'ready\n');
    await process.write('secret of another\n');
    await sandbox.destroy();
    assert.equal((await process.result).signal, 'SIGKILL');
    for (let next = 0; next < 4; next += 1) {
      const reader = await startProgram(t, 'read -r line; echo "<$line>"');
      await reader.process.write('own\n');
      assert.equal(await reader.hear((text) => text.includes('\n')), '<own>\n');
    }
  });

  test('cannot be written to when its input was not opened', async (t) => {
    const sandbox = await openSandbox(t, provider);
    const process = await sandbox.spawn({ script: 'cat' });
    await assert.rejects(process.write('x'), /stdin "pipe"/);
    assert.equal((await process.result).exitCode, 0);
  });

  test('is refused by the emulated shell, with what to do', async (t) => {
    const emulated = makeProvider('just-bash');
    t.after(() => emulated.stop());
    const sandbox = await openSandbox(t, emulated);
    await assert.rejects(sandbox.spawn({ argv: ['cat'], stdin: 'pipe' }), (error) => {
      assert.ok(isKaziError(error, 'INVALID_REQUEST'));
      assert.match(error.message, /need the bubblewrap sandbox/);
      return true;
    });
  });
});
