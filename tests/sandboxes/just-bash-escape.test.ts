import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { startServer } from './start-server.ts';
import { findProcesses, findSkipReason, makeFolder, makeProvider, openSandbox, waitUntil } from './support.ts';

/** What can be tried from an emulated shell: it has no system calls and no programs, so paths, links and its process are all there is. */
const skip = await findSkipReason('just-bash');
const provider = makeProvider('just-bash');

after(() => provider.stop());

describe('the host from inside an emulated shell', { skip, concurrency: 2 }, () => {
  test('shows no file outside the workspace, by path or through links that were there before', async (t) => {
    const folder = await makeFolder(t);
    await writeFile(join(folder, 'secret'), 'secret', { mode: 0o644 });
    const sandbox = await openSandbox(t, provider, { workspaceDir: join(folder, 'workspace') });
    await symlink(folder, join(folder, 'workspace/link'));
    const { stdout } = await sandbox.run({
      script: `cat ${folder}/secret ../secret /workspace/../secret /workspace/../../secret link/secret /workspace/link/secret
        ln -s ${folder}/secret own; cat own; ln ${folder}/secret hard; cat hard; cp link/secret copy; cat copy
        cat /etc/passwd /proc/self/environ /proc/1/environ; tar c link | cat; find / -name secret`,
    });
    assert.doesNotMatch(stdout, /secret|root:/);
  });

  test('cannot be written', async (t) => {
    const folder = await makeFolder(t);
    const sandbox = await openSandbox(t, provider, { workspaceDir: join(folder, 'workspace') });
    await symlink(folder, join(folder, 'workspace/link'));
    await sandbox.run({
      script: `echo x > ${folder}/escape; echo x > ../escape; echo x > link/escape; mv link/../../escape .; rm -rf link/*`,
    });
    assert.ok(!existsSync(join(folder, 'escape')) && existsSync(join(folder, 'workspace')));
  });

  test('runs no program and opens no connection', async (t) => {
    const sandbox = await openSandbox(t, provider);
    for (const program of [
      'curl http://127.0.0.1',
      'wget x',
      'node -e 1',
      'python3 -c 1',
      'js-exec -c 1',
      '/bin/ls',
      'nc',
    ]) {
      assert.notEqual((await sandbox.run({ script: program })).exitCode, 0, program);
    }
  });

  test('keeps the environment of the server to itself', async (t) => {
    process.env['KAZI_TEST_SECRET'] = 'the-server-s-own';
    const sandbox = await openSandbox(t, provider);
    const { stdout } = await sandbox.run({ script: 'env; set; export -p; echo "$KAZI_TEST_SECRET$NODE_CHANNEL_FD"' });
    assert.doesNotMatch(stdout, /the-server-s-own|NODE_CHANNEL/);
  });
});

describe('the process of an emulated shell', { skip, concurrency: 2 }, () => {
  test('ends when it takes too much memory', async (t) => {
    const sandbox = await openSandbox(t, provider, { limits: { memoryBytes: 256 * 1024 * 1024 } });
    const script = 'x=0123456789abcdef; while true; do x="$x$x"; i=$((i+1)); eval "keep$i=\\$x"; done';
    const result = await sandbox.run({ script, timeoutMs: 60_000 });
    assert.ok(result.limit === 'memory' || (result.limit === null && result.exitCode !== 0), JSON.stringify(result));
  });

  test('does not outlive a server that was killed while it computes', {
    skip: process.platform !== 'linux' && 'needs setpriv',
  }, async (t) => {
    const workspaceDir = join(await makeFolder(t), 'workspace');
    const { server } = await startServer(t, { provider: 'just-bash', workspaceDir, script: 'while true; do :; done' });
    // While a process becomes another program (setpriv, prlimit, node), its command line reads as empty.
    await waitUntil(() => findProcesses(`--allow-fs-write=${workspaceDir}`).length === 1, 'the shell is there');
    server.kill('SIGKILL');
    await waitUntil(() => findProcesses(`--allow-fs-write=${workspaceDir}`).length === 0, 'the shell is gone');
  });

  test('of a stopped server is dead before another one works in its workspace, and it can start no more', async (t) => {
    const workspaceDir = join(await makeFolder(t), 'workspace');
    const { server, messages } = await startServer(t, { provider: 'just-bash', workspaceDir, script: 'sleep 1000' });
    server.kill('SIGSTOP');
    const sandbox = await openSandbox(t, provider, { workspaceDir, identity: 77 });
    assert.deepEqual(findProcesses(`--allow-fs-write=${workspaceDir}`), []);
    assert.equal((await sandbox.run({ script: 'echo mine' })).stdout, 'mine\n');
    server.send({ script: 'echo zombie > zombie' });
    server.kill('SIGCONT');
    await waitUntil(() => JSON.stringify(messages).includes('taken over'), 'the woken server is refused');
    assert.equal(await sandbox.stat('zombie'), null);
  });
});
