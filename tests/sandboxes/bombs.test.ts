import assert from 'node:assert/strict';
import { after, describe, test } from 'node:test';
import { findProcesses, findSkipReason, makeProvider, openSandbox, uniqueSeconds } from './support.ts';

/** Attempts to take the machine with it, each bounded. */
const skip = await findSkipReason('bubblewrap');
const provider = makeProvider('bubblewrap');
const MEBIBYTE = 1024 * 1024;

after(() => provider.stop());

describe('a bomb in a sandbox', { skip, concurrency: 2 }, () => {
  test('of forks stays within its processes, and dies', async (t) => {
    const sandbox = await openSandbox(t, provider, { limits: { processes: 40 } });
    const seconds = uniqueSeconds();
    // The shell tries a fork that was refused again and again: the first refusal is the end.
    const result = await sandbox.run({
      script: `grep -m1 'Resource temporarily unavailable' < <(for i in $(seq 200); do sleep ${seconds} & done 2>&1; echo survived)`,
      timeoutMs: 60_000,
    });
    assert.equal(result.exitCode, 0);
    assert.match(result.stdout, /fork/);
    assert.deepEqual(findProcesses(seconds), []);
    const bomb = await sandbox.run({ script: 'bomb() { bomb | bomb & }; bomb; sleep 1000', timeoutMs: 1000 });
    assert.notEqual(bomb.exitCode, 0);
  });

  test('is limited before code of the workspace can run, by whatever variable', async (t) => {
    const sandbox = await openSandbox(t, provider, { limits: { processes: 40 } });
    const env = { LD_PRELOAD: '/workspace/evil.so', BASH_ENV: '/workspace/evil.sh' };
    const { stdout, stderr } = await sandbox.run({ script: 'ulimit -u; tr "\\0" "\\n" < /proc/1/environ', env });
    assert.match(stdout, /^40$/m);
    assert.doesNotMatch(stdout, /evil/);
    assert.match(stderr, /evil\.so/);
  });

  test('of memory in one process is refused by the kernel', async (t) => {
    const sandbox = await openSandbox(t, provider, { limits: { memoryBytes: 64 * MEBIBYTE } });
    const result = await sandbox.run({ script: 'head -c 1000M /dev/zero | tail -c 900M > /dev/null' });
    assert.notEqual(result.exitCode, 0);
  });

  test('of memory in many processes is ended by the watch', async (t) => {
    const sandbox = await openSandbox(t, provider, { limits: { memoryBytes: 96 * MEBIBYTE } });
    // Something follows the sleep: the shell would become it otherwise, and give its memory back before anybody looked.
    const hog = 'x=$(head -c 20000000 /dev/zero | tr "\\0" x); sleep 1000; echo "$x"';
    const result = await sandbox.run({
      script: `for i in 1 2 3 4 5 6 7 8; do (${hog}) & done; wait`,
      timeoutMs: 60_000,
    });
    assert.equal(result.limit, 'memory');
  });

  test('of the private /tmp and /dev/shm ends when they are full', async (t) => {
    const sandbox = await openSandbox(t, provider, { limits: { memoryBytes: 64 * MEBIBYTE } });
    const { stdout } = await sandbox.run({
      script: 'head -c 200M /dev/zero > /tmp/f; head -c 200M /dev/zero > /dev/shm/f; stat -c %s /tmp/f /dev/shm/f',
    });
    assert.deepEqual(
      stdout
        .trim()
        .split('\n')
        .map((bytes) => Number(bytes) <= 64 * MEBIBYTE),
      [true, true],
    );
  });

  test('of disk is ended by the watch, also when it hides in shut folders', async (t) => {
    const sandbox = await openSandbox(t, provider, { limits: { workspaceBytes: 8 * MEBIBYTE, fileBytes: MEBIBYTE } });
    const script = 'mkdir d; cd d; chmod 300 .; i=0; while true; do i=$((i+1)); head -c 500000 /dev/zero > f$i; done';
    assert.equal((await sandbox.run({ script, timeoutMs: 60_000 })).limit, 'workspace');
  });

  test('of processor time over many short processes is ended by the watch', async (t) => {
    const sandbox = await openSandbox(t, provider, { limits: { cpuSeconds: 1 } });
    const result = await sandbox.run({ script: 'while true; do /bin/true; done', timeoutMs: 60_000 });
    assert.equal(result.limit, 'cpu');
  });
});
