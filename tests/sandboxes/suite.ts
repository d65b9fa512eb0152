import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { after, describe, test } from 'node:test';
import { isKaziError } from '../../src/core/errors.ts';
import type { SandboxProviderName } from '../../src/sandboxes/choose-provider.ts';
import type { OutputChunk } from '../../src/sandboxes/sandbox-command.ts';
import { makeFolder, makeProvider, openSandbox } from './support.ts';

const MEBIBYTE = 1024 * 1024;
const isRefusedPath = (error: unknown): boolean => isKaziError(error, 'SANDBOX_PATH_REFUSED');

/** What every sandbox provider must do, whatever it is made of. */
export const describeSandboxSuite = (name: SandboxProviderName, skip: string | false): void => {
  const provider = makeProvider(name);
  after(() => provider.stop());

  describe(`a command in a ${name} sandbox`, { skip, concurrency: 2 }, () => {
    test('reports its exit code, standard output and standard error', async (t) => {
      const sandbox = await openSandbox(t, provider);
      const result = await sandbox.run({ script: 'echo out; echo err >&2; exit 3' });
      assert.deepEqual(
        { ...result, durationMs: 0 },
        {
          exitCode: 3,
          signal: null,
          timedOut: false,
          aborted: false,
          limit: null,
          stdout: 'out\n',
          stderr: 'err\n',
          durationMs: 0,
        },
      );
    });

    test('hands its output on as chunks that add up to the whole', async (t) => {
      const sandbox = await openSandbox(t, provider);
      const chunks: OutputChunk[] = [];
      const result = await sandbox.run({ script: 'echo one; echo two >&2', onOutput: (chunk) => chunks.push(chunk) });
      const joined = (stream: string): string =>
        chunks
          .filter((chunk) => chunk.stream === stream)
          .map((chunk) => chunk.text)
          .join('');
      assert.equal(joined('stdout'), 'one\n');
      assert.equal(joined('stderr'), 'two\n');
      assert.equal(result.stdout, 'one\n');
    });

    test('runs an argv without a shell looking at it', async (t) => {
      const sandbox = await openSandbox(t, provider);
      const result = await sandbox.run({ argv: ['echo', '$HOME', "it's", '*'] });
      assert.equal(result.stdout, "$HOME it's *\n");
    });

    test('runs by sh as well as by bash', async (t) => {
      const sandbox = await openSandbox(t, provider);
      assert.equal((await sandbox.run({ script: 'echo $((6 * 7))', shell: 'sh' })).stdout, '42\n');
      assert.equal((await sandbox.run({ script: 'echo $((6 * 7))', shell: 'bash' })).stdout, '42\n');
    });

    test('begins in the workspace, or in the folder of it that is asked for', async (t) => {
      const sandbox = await openSandbox(t, provider);
      await sandbox.write('a/b/file', '');
      assert.equal((await sandbox.run({ script: 'pwd' })).stdout, `${sandbox.workspacePath}\n`);
      assert.equal((await sandbox.run({ script: 'pwd', cwd: 'a/b' })).stdout, `${sandbox.workspacePath}/a/b\n`);
      await assert.rejects(sandbox.run({ script: 'pwd', cwd: '../..' }), isRefusedPath);
    });

    test('sees the environment it was given and nothing of the server', async (t) => {
      process.env['KAZI_TEST_SECRET'] = 'the-server-s-own';
      const sandbox = await openSandbox(t, provider);
      const { stdout } = await sandbox.run({ script: 'env; echo "given=$GIVEN"', env: { GIVEN: 'a b "c"' } });
      assert.match(stdout, /^given=a b "c"$/m);
      assert.match(stdout, /^HOME=\/workspace$/m);
      assert.doesNotMatch(stdout, /the-server-s-own/);
    });

    test('refuses variables that could be read as something else', async (t) => {
      const sandbox = await openSandbox(t, provider);
      const isInvalid = (error: unknown): boolean => isKaziError(error, 'INVALID_REQUEST');
      await assert.rejects(sandbox.run({ script: 'env', env: { A: 'x\0--bind\0/\0/host' } }), isInvalid);
      await assert.rejects(sandbox.run({ script: 'env', env: { 'A=B; touch x': '1' } }), isInvalid);
      await assert.rejects(sandbox.run({ argv: ['echo', 'a\0b'] }), isInvalid);
      const { stdout } = await sandbox.run({ script: 'printf %s "$A"', env: { A: "it's $(touch x)\n`id`" } });
      assert.equal(stdout, "it's $(touch x)\n`id`");
    });

    test('refuses to begin in a folder that is not there', async (t) => {
      const sandbox = await openSandbox(t, provider);
      await assert.rejects(sandbox.run({ script: 'pwd', cwd: 'none' }), (error) =>
        isKaziError(error, 'INVALID_REQUEST'),
      );
    });

    test('reads an empty standard input instead of waiting', async (t) => {
      const sandbox = await openSandbox(t, provider);
      assert.equal((await sandbox.run({ script: 'cat; echo done' })).stdout, 'done\n');
    });

    test('keeps unicode whole', async (t) => {
      const sandbox = await openSandbox(t, provider);
      const text = 'jambo dünya 世界 🐘';
      assert.equal((await sandbox.run({ script: `echo '${text}'` })).stdout, `${text}\n`);
      await sandbox.write('世界.txt', text);
      assert.equal((await sandbox.run({ script: 'cat 世界.txt' })).stdout, text);
    });

    test('may print bytes that are no text', async (t) => {
      const sandbox = await openSandbox(t, provider);
      const result = await sandbox.run({ script: String.raw`printf 'a\377\000b'` });
      assert.equal(result.exitCode, 0);
      assert.match(result.stdout, /^a.\0b$/su);
    });

    test('takes a script longer than an argument may be', async (t) => {
      const sandbox = await openSandbox(t, provider);
      const result = await sandbox.run({ script: `# ${'x'.repeat(300_000)}\necho end` });
      assert.equal(result.stdout, 'end\n');
    });

    test('delivers a large output completely', async (t) => {
      const sandbox = await openSandbox(t, provider);
      let characters = 0;
      const result = await sandbox.run({
        script: 'seq 1 200000',
        onOutput: ({ text }) => {
          characters += text.length;
        },
      });
      assert.equal(result.exitCode, 0);
      assert.equal(characters, 1_288_895);
      assert.match(result.stdout, /\n200000\n$/);
    });

    test('fails with 127 when there is no such program', async (t) => {
      const sandbox = await openSandbox(t, provider);
      assert.equal((await sandbox.run({ script: 'no-such-program-anywhere' })).exitCode, 127);
    });
  });

  describe(`the limits of a ${name} sandbox`, { skip, concurrency: 2 }, () => {
    test('end a command at its wall time', async (t) => {
      const sandbox = await openSandbox(t, provider);
      const result = await sandbox.run({ script: 'echo begun; sleep 1000', timeoutMs: 1500 });
      assert.deepEqual([result.timedOut, result.limit, result.exitCode], [true, 'wall', null]);
    });

    test('end a command that computes too long', async (t) => {
      const sandbox = await openSandbox(t, provider, { limits: { cpuSeconds: 1 } });
      const result = await sandbox.run({ script: 'while true; do :; done' });
      assert.deepEqual([result.timedOut, result.limit], [false, 'cpu']);
    });

    test('end a command that prints too much', async (t) => {
      const sandbox = await openSandbox(t, provider, { limits: { outputBytes: 100_000 } });
      let bytes = 0;
      const result = await sandbox.run({
        script: 'seq 1 300000; seq 1 300000 >&2',
        onOutput: ({ text }) => {
          bytes += Buffer.byteLength(text);
        },
      });
      assert.equal(result.limit, 'output');
      assert.equal(bytes, 100_000);
    });

    test('end a command that fills the workspace', async (t) => {
      const sandbox = await openSandbox(t, provider, { limits: { workspaceBytes: 2 * MEBIBYTE } });
      const script = 'i=0; while true; do i=$((i+1)); printf "%0100000d" 0 > file$i; done';
      assert.equal((await sandbox.run({ script })).limit, 'workspace');
      const cleaned = await sandbox.run({ script: 'rm -f file*; echo cleaned' });
      assert.deepEqual([cleaned.limit, cleaned.stdout], [null, 'cleaned\n']);
    });

    test('tell of a workspace that was filled faster than anyone looked', async (t) => {
      const sandbox = await openSandbox(t, provider, { limits: { workspaceBytes: MEBIBYTE } });
      const result = await sandbox.run({ script: 'seq 1 300000 > file' });
      assert.equal(result.limit, 'workspace');
    });

    test('keep a single file below its size', async (t) => {
      const sandbox = await openSandbox(t, provider, { limits: { fileBytes: 200_000 } });
      const result = await sandbox.run({ script: 'seq 1 300000 > file' });
      assert.notEqual(result.exitCode, 0);
      assert.ok(((await sandbox.stat('file'))?.bytes ?? 0) <= 200_000);
    });
  });

  describe(`stopping a ${name} sandbox`, { skip, concurrency: 2 }, () => {
    test('ends a running command when its signal aborts', async (t) => {
      const sandbox = await openSandbox(t, provider);
      const controller = new AbortController();
      const process = await sandbox.spawn({ script: 'sleep 1000', signal: controller.signal });
      controller.abort();
      const result = await process.result;
      assert.deepEqual([result.aborted, result.exitCode, result.limit], [true, null, null]);
    });

    test('ends a command whose signal had aborted before', async (t) => {
      const sandbox = await openSandbox(t, provider);
      assert.equal((await sandbox.run({ script: 'sleep 1000', signal: AbortSignal.abort() })).aborted, true);
    });

    test('ends all its commands by kill, and stays usable', async (t) => {
      const sandbox = await openSandbox(t, provider);
      const processes = await Promise.all([1, 2].map(() => sandbox.spawn({ script: 'sleep 1000' })));
      await sandbox.kill();
      const results = await Promise.all(processes.map((process) => process.result));
      assert.deepEqual(
        results.map((result) => result.signal),
        ['SIGKILL', 'SIGKILL'],
      );
      assert.equal((await sandbox.run({ script: 'echo again' })).stdout, 'again\n');
    });

    test('ends all its commands by destroy, twice without harm, and refuses more', async (t) => {
      const sandbox = await openSandbox(t, provider);
      const process = await sandbox.spawn({ script: 'sleep 1000' });
      await sandbox.destroy();
      await sandbox.destroy();
      assert.equal((await process.result).signal, 'SIGKILL');
      await assert.rejects(sandbox.run({ script: 'true' }), (error) => isKaziError(error, 'SANDBOX_UNAVAILABLE'));
    });

    test('ends a command that is only just starting', async (t) => {
      const sandbox = await openSandbox(t, provider);
      const starting = sandbox.spawn({ script: 'sleep 1000' });
      await sandbox.destroy();
      assert.equal((await (await starting).result).signal, 'SIGKILL');
    });

    test('bars a sandbox whose workspace another one has taken over', async (t) => {
      const workspaceDir = join(await makeFolder(t), 'workspace');
      const first = await openSandbox(t, provider, { workspaceDir, identity: 1 });
      const running = await first.spawn({ script: 'sleep 1000' });
      const second = await openSandbox(t, provider, { workspaceDir, identity: 1 });
      assert.notEqual((await running.result).exitCode, 0);
      await assert.rejects(first.run({ script: 'true' }), (error) => isKaziError(error, 'SANDBOX_UNAVAILABLE'));
      await first.destroy();
      assert.equal((await second.run({ script: 'echo mine' })).stdout, 'mine\n');
    });
  });

  describe(`the workspace of a ${name} sandbox`, { skip, concurrency: 2 }, () => {
    test('outlives the sandbox, with what commands and the server wrote', async (t) => {
      const workspaceDir = join(await makeFolder(t), 'a folder', 'workspace');
      const first = await openSandbox(t, provider, { workspaceDir, identity: 7 });
      await first.run({ script: 'mkdir made; echo command > made/by-command' });
      await first.write('made/by-server', 'server\n');
      await first.destroy();
      const second = await openSandbox(t, provider, { workspaceDir, identity: 7 });
      assert.equal((await second.run({ script: 'cat made/*' })).stdout, 'command\nserver\n');
    });

    test('may change its files and folders whoever made them', async (t) => {
      const workspaceDir = join(await makeFolder(t), 'workspace');
      await mkdir(join(workspaceDir, 'restored'), { recursive: true });
      await writeFile(join(workspaceDir, 'restored/file'), 'old');
      const sandbox = await openSandbox(t, provider, { workspaceDir });
      await sandbox.write('deep/er/file', 'old');
      const result = await sandbox.run({
        script: 'echo new > restored/file; echo new > deep/er/file; echo x > deep/er/more',
      });
      assert.equal(result.stderr, '');
      assert.equal(String(await sandbox.read('restored/file')), 'new\n');
    });

    test('may lie where only the user of the server can walk to', async (t) => {
      const folder = await makeFolder(t);
      await chmod(folder, 0o700);
      const sandbox = await openSandbox(t, provider, { workspaceDir: join(folder, 'workspace') });
      await sandbox.write('in', 'given\n');
      assert.equal((await sandbox.run({ script: 'cat in; echo made > out' })).stdout, 'given\n');
      assert.equal(String(await sandbox.read('out')), 'made\n');
    });

    test('is read, listed, described and deleted from outside', async (t) => {
      const sandbox = await openSandbox(t, provider);
      await sandbox.run({ script: 'mkdir -p a/b; echo 12345 > a/b/file; echo x > top' });
      assert.equal(String(await sandbox.read('/workspace/a/b/file')), '12345\n');
      const listed = await sandbox.list('.', { recursive: true });
      assert.deepEqual(
        listed.map(({ path, type }) => `${type} ${path}`),
        ['directory a', 'directory a/b', 'file a/b/file', 'file top'],
      );
      assert.deepEqual(
        (await sandbox.list('a')).map(({ path }) => path),
        ['a/b'],
      );
      assert.equal((await sandbox.list('.', { recursive: true, maxEntries: 2 })).length, 2);
      assert.equal((await sandbox.stat('a/b/file'))?.bytes, 6);
      assert.equal(await sandbox.stat('a/none'), null);
      await sandbox.delete('a');
      await sandbox.delete('a');
      assert.deepEqual(
        (await sandbox.list()).map(({ path }) => path),
        ['top'],
      );
    });

    test('streams a file, and refuses to read one whole that is too large', async (t) => {
      const sandbox = await openSandbox(t, provider);
      const content = Buffer.alloc(3 * MEBIBYTE, 'kazi');
      await sandbox.write('large', content);
      const file = await sandbox.readStream('large');
      assert.equal(file.bytes, content.length);
      assert.ok((await buffer(file.stream)).equals(content));
      await assert.rejects(sandbox.read('large', { maxBytes: MEBIBYTE }), (error) =>
        isKaziError(error, 'INVALID_REQUEST'),
      );
      await sandbox.write('empty', '');
      const { stream } = await sandbox.readStream('empty');
      stream.resume();
      await once(stream, 'close');
    });

    test('never leads the server out of it by a link', async (t) => {
      const folder = await makeFolder(t);
      await writeFile(join(folder, 'secret'), 'untouched');
      const sandbox = await openSandbox(t, provider, { workspaceDir: join(folder, 'workspace') });
      await symlink(join(folder, 'secret'), join(folder, 'workspace/file-link'));
      await symlink(folder, join(folder, 'workspace/folder-link'));
      await assert.rejects(sandbox.read('file-link'), isRefusedPath);
      await assert.rejects(sandbox.read('folder-link/secret'), isRefusedPath);
      await assert.rejects(sandbox.readStream('folder-link/secret'), isRefusedPath);
      await assert.rejects(sandbox.write('folder-link/secret', 'x'), isRefusedPath);
      await assert.rejects(sandbox.write('file-link', 'x'), isRefusedPath);
      await assert.rejects(sandbox.list('folder-link'), isRefusedPath);
      await assert.rejects(sandbox.delete('folder-link/secret'), isRefusedPath);
      await assert.rejects(sandbox.read('../secret'), isRefusedPath);
      assert.equal((await sandbox.stat('file-link'))?.type, 'link');
      assert.ok((await sandbox.list('.', { recursive: true })).every(({ path }) => !path.includes('secret')));
      await sandbox.delete('folder-link');
      await sandbox.delete('.');
      assert.equal(String(await readFile(join(folder, 'secret'))), 'untouched');
      assert.deepEqual(await sandbox.list(), []);
    });
  });
};
