import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { after, describe, type TestContext, test } from 'node:test';
import { startServer } from './start-server.ts';
import {
  findProcesses,
  findSkipReason,
  makeFolder,
  makeProvider,
  openSandbox,
  uniqueSeconds,
  waitUntil,
} from './support.ts';

/**
 * Attempts to get out of a bubblewrap sandbox, each proven to fail. As root they run twice: here, where every session has
 * a uid of its own, and by tests/proofs/ordinary-user.test.ts as an ordinary user.
 */
const skip = await findSkipReason('bubblewrap');
const provider = makeProvider('bubblewrap');
const hasPython = existsSync('/usr/bin/python3');
const needsPython = skip || (hasPython ? false : 'needs /usr/bin/python3 to make system calls');

/** Runs a script that prints `ESCAPED` wherever an attempt succeeds; answers what it printed. */
const attemptAll = async (context: TestContext, script: string): Promise<string> => {
  const sandbox = await openSandbox(context, provider);
  const { stdout, stderr } = await sandbox.run({ script: `${script}\necho finished` });
  assert.doesNotMatch(stdout, /ESCAPED/, stdout + stderr);
  assert.match(stdout, /finished\n$/, stdout + stderr);
  return stdout + stderr;
};

const assertHolds = async (context: TestContext, script: string): Promise<void> => {
  await attemptAll(context, script);
};

/** Calls the kernel directly: no program's own check stands between the attempt and the filter. */
const python = (body: string): string => `/usr/bin/python3 - <<'PYTHON'
import ctypes, errno, os, sys
libc = ctypes.CDLL(None, use_errno=True)
def attempt(name, *arguments):
    ctypes.set_errno(0)
    result = libc.syscall(*arguments)
    print(name, result, errno.errorcode.get(ctypes.get_errno(), '-'), '' if result == -1 else 'ESCAPED')
${body}
PYTHON`;

after(() => provider.stop());

describe('the host from inside a sandbox', { skip, concurrency: 2 }, () => {
  test('cannot be written, by path or through /proc', (t) =>
    assertHolds(
      t,
      `for target in /usr/escape /usr/bin/escape /etc/escape /etc/passwd /escape /run/escape /dev/escape /sys/escape \\
        /proc/1/root/usr/escape /proc/self/root/usr/escape /proc/1/cwd/../usr/escape /proc/sys/kernel/hostname \\
        /proc/sys/kernel/core_pattern /proc/sysrq-trigger /workspace/../usr/escape; do
        (echo x > "$target") 2>/dev/null && echo "ESCAPED $target"
      done
      ln -s /usr/escape link && (echo x > link) 2>/dev/null && echo ESCAPED link
      chmod u+w /usr 2>/dev/null && echo ESCAPED chmod
      touch /usr/bin/env 2>/dev/null && echo ESCAPED touch; true`,
    ));

  test('cannot be made writable by mounting again, the way that works as root with --unshare-all alone', (t) =>
    assertHolds(
      t,
      `mount -o remount,rw,bind /usr 2>/dev/null && echo ESCAPED remount
      mount -o remount,rw / 2>/dev/null && echo ESCAPED root
      mount --bind /workspace /usr 2>/dev/null && echo ESCAPED bind
      umount /usr 2>/dev/null && echo ESCAPED umount
      mount -t tmpfs none /tmp 2>/dev/null && echo ESCAPED tmpfs
      chroot /workspace 2>/dev/null && echo ESCAPED chroot
      touch /usr/escape 2>/dev/null && echo ESCAPED write; true`,
    ));

  test('could be written that way without the uid and the dropped capabilities: the attack itself works', {
    skip: process.getuid?.() !== 0 && 'needs root',
  }, async (t) => {
    const folder = await makeFolder(t);
    const attack = 'mount -o remount,rw,bind /mnt && touch /mnt/escape';
    const naive = ['--unshare-all', '--ro-bind', '/', '/', '--ro-bind', folder, '/mnt', '--', '/bin/sh', '-c', attack];
    await once(spawn('bwrap', naive, { stdio: 'ignore' }), 'exit');
    assert.ok(existsSync(join(folder, 'escape')));
  });

  test('shows none of its files but the system: no home, data folder, other workspace or mount', async (t) => {
    const folder = await makeFolder(t);
    await chmod(folder, 0o755);
    await writeFile(join(folder, 'secret'), 'secret', { mode: 0o644 });
    await mkdir(join(folder, 'other'));
    await writeFile(join(folder, 'other/file'), 'secret', { mode: 0o644 });
    const own = await openSandbox(t, provider, { workspaceDir: join(folder, 'mine') });
    const { stdout } = await own.run({
      script: `cat "$1" 2>/dev/null; cat ${folder}/secret ${folder}/other/file /workspace/../other/file /proc/1/root${folder}/secret 2>/dev/null
        ls -A /root /home /work /srv /mnt /media /oldroot 2>/dev/null; ls -A /`,
    });
    assert.doesNotMatch(stdout, /secret/);
    const allowed = new Set([
      'bin',
      'dev',
      'etc',
      'lib',
      'lib32',
      'lib64',
      'proc',
      'run',
      'sbin',
      'tmp',
      'usr',
      'var',
      'workspace',
    ]);
    assert.deepEqual(
      stdout
        .trim()
        .split('\n')
        .filter((name) => !allowed.has(name)),
      [],
    );
  });

  test('keeps two sessions apart even where the same folder is mounted', async (t) => {
    const folder = await makeFolder(t);
    const first = await openSandbox(t, provider, { workspaceDir: join(folder, 'first') });
    const second = await openSandbox(t, provider, { workspaceDir: join(folder, 'second') });
    await first.run({
      script: 'echo secret > file; echo secret > /tmp/file; echo secret > /dev/shm/file; chmod 777 file',
    });
    const result = await second.run({
      script: 'cat /workspace/../first/file /workspace/file /tmp/file /dev/shm/file; true',
    });
    assert.doesNotMatch(result.stdout, /secret/);
    assert.equal((await first.run({ script: 'ls -A /tmp /dev/shm' })).stdout.replaceAll(/\/.*:\n/g, '').trim(), '');
  });

  test('cannot lead the server astray by swapping a folder for a link while it reads, writes and deletes', async (t) => {
    const folder = await makeFolder(t);
    await mkdir(join(folder, 'target'));
    await writeFile(join(folder, 'target/file'), 'secret');
    const sandbox = await openSandbox(t, provider, { workspaceDir: join(folder, 'workspace') });
    await symlink(join(folder, 'target'), join(folder, 'workspace/link'));
    const script =
      'mkdir real; echo own > real/file; cp -r real kept; while true; do mv -T real now; mv -T now real; mv -T link now; mv -T now link; done';
    const swapping = await sandbox.spawn({ script });
    const answers = new Set<string>();
    for (let round = 0; round < 300; round += 1) {
      answers.add(await sandbox.read('now/file').then(String, () => 'refused'));
      await sandbox.write('now/file', 'overwritten').catch(() => null);
      await sandbox.write('now/new', 'x').catch(() => null);
      await sandbox.delete('now/file').catch(() => null);
    }
    swapping.kill();
    await swapping.result;
    assert.ok(!answers.has('secret'));
    assert.deepEqual(await readdir(join(folder, 'target')), ['file']);
    assert.equal(await readFile(join(folder, 'target/file'), 'utf8'), 'secret');
  });

  test('hides its accounts, its processes and the environment of the server', async (t) => {
    process.env['KAZI_TEST_SECRET'] = 'the-server-s-own';
    const sandbox = await openSandbox(t, provider);
    const { stdout } = await sandbox.run({
      script:
        'cat /proc/[0-9]*/environ /proc/[0-9]*/cmdline /etc/passwd /etc/shadow 2>/dev/null; echo; ls -d /proc/[0-9]*',
    });
    assert.doesNotMatch(stdout, /the-server-s-own|node|sshd|postgres/);
    const pids = stdout.match(/^\/proc\/\d+$/gm) ?? [];
    assert.ok(pids.length <= 6 && pids.every((path) => Number(path.slice(6)) < 100), pids.join(' '));
  });

  test('gives no device, no setuid program and no capability', (t) =>
    assertHolds(
      t,
      `mknod /workspace/disk b 254 0 2>/dev/null && echo ESCAPED mknod
      ls /dev | grep -E '^(sd|vd|nvme|kvm|mem|kmsg|fuse)' && echo ESCAPED device
      grep -q '^NoNewPrivs:.1$' /proc/self/status || echo ESCAPED privileges
      grep -qE '^Cap(Eff|Prm|Bnd|Inh|Amb):.*[1-9a-f]' /proc/self/status && echo ESCAPED capability
      grep -q '^Seccomp:.2$' /proc/self/status || echo ESCAPED filter
      cp /bin/sh shell && chmod 6755 shell; ./shell -c 'test "$(id -u)" = 0' && echo ESCAPED root
      su -c true 2>/dev/null </dev/null && echo ESCAPED su
      touch owned; chown 0:0 owned 2>/dev/null && echo ESCAPED chown; true`,
    ));

  test('hands on no descriptor of the server', async (t) => {
    const sandbox = await openSandbox(t, provider);
    const { stdout } = await sandbox.run({
      script: 'for fd in /proc/self/fd/*; do echo "$fd $(readlink "$fd")."; done',
    });
    const foreign = stdout
      .trim()
      .split('\n')
      .filter((line) => !/\/fd\/[012] | \/dev\/null\.$| \/run\/script\.$|^\/proc\/self\/fd\/\d+ \.$/.test(line));
    assert.deepEqual(foreign, []);
  });
});

describe('the kernel from inside a sandbox', { skip: needsPython, concurrency: 2 }, () => {
  test('refuses namespaces, by every way to ask for them', (t) =>
    assertHolds(
      t,
      `unshare --user --map-root-user true 2>/dev/null && echo ESCAPED unshare
      nsenter --target 1 --mount true 2>/dev/null && echo ESCAPED nsenter
      ${python(`
unshare, clone, clone3, setns = (272, 56, 435, 308) if os.uname().machine == 'x86_64' else (97, 220, 435, 268)
for flag in (0x10000000, 0x00020000, 0x40000000, 0x20000000):
    attempt('unshare', unshare, flag)
    attempt('clone', clone, flag | 17, 0, 0, 0, 0)
    attempt('clone-high-bits', clone, flag | 17 | (1 << 40), 0, 0, 0, 0)
attempt('clone3', clone3, 0, 0)
attempt('setns', setns, os.open('/proc/1/ns/mnt', os.O_RDONLY) if os.access('/proc/1/ns/mnt', os.R_OK) else 0, 0)`)}`,
    ));

  test('refuses the calls of its usual attacks', async (t) => {
    const report = await attemptAll(
      t,
      python(`
x64 = os.uname().machine == 'x86_64'
numbers = dict(mount=(165, 40), ptrace=(101, 117), keyctl=(250, 219), bpf=(321, 280), userfaultfd=(323, 282), perf_event_open=(298, 241),
    io_uring_setup=(425, 425), open_by_handle_at=(304, 265), kexec_load=(246, 104), init_module=(175, 105), process_vm_readv=(310, 270),
    process_vm_writev=(311, 271), open_tree=(428, 428), fsopen=(430, 430), mount_setattr=(442, 442), memfd_create=(319, 279),
    shmget=(29, 194), pivot_root=(155, 41), fallocate=(285, 47), add_key=(248, 217))
for name, (a, b) in numbers.items():
    attempt(name, a if x64 else b, 0, 0, 0, 0, 0)
attempt('personality', 135 if x64 else 92, 0x0040000)
attempt('tiocsti', 16 if x64 else 29, 0, 0x5412, ctypes.c_char_p(b'x'))
attempt('tiocsti-high-bits', 16 if x64 else 29, 0, 0x5412 | (1 << 40), ctypes.c_char_p(b'x'))
attempt('pdeathsig', 157 if x64 else 167, 1, 0)
for family in (40, 38, 17, 31):
    attempt('socket-%d' % family, 41 if x64 else 198, family, 1, 0)`),
    );
    const codes = [...report.matchAll(/^\S+ -1 (\w+)/gm)].map((match) => match[1]);
    assert.equal(codes.length, 28);
    assert.deepEqual(new Set(codes), new Set(['EAFNOSUPPORT', 'ENOSYS', 'ENOTSUP', 'EPERM']));
  });

  test('kills a process that calls by the x32 table', {
    skip: process.arch !== 'x64' && 'x32 exists on x64 only',
  }, async (t) => {
    const sandbox = await openSandbox(t, provider);
    const { exitCode } = await sandbox.run({ script: python("attempt('x32-getpid', 0x40000000 + 39)") });
    assert.equal(exitCode, 128 + 31);
  });

  test('lets a process change the init of its sandbox no further than its own', (t) =>
    assertHolds(
      t,
      'kill -KILL 1 2>/dev/null; kill -TERM 1 2>/dev/null; kill -STOP 1 2>/dev/null; kill -0 1 || echo ESCAPED',
    ));
});

describe('the network from inside a sandbox', { skip: needsPython, concurrency: 2 }, () => {
  const listen = async (
    context: TestContext,
    address: { path: string } | { port: number; host: string },
  ): Promise<Server> => {
    const server = createServer((socket) => socket.end('reached\n'));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(address, resolve);
    });
    context.after(() => new Promise((resolve) => server.close(resolve)));
    return server;
  };
  const reach = (family: string, address: string): string =>
    `/usr/bin/python3 -c "import socket; s = socket.socket(socket.${family}); s.settimeout(3); s.connect(${address}); print(s.recv(99))"`;

  test('does not reach a server on the loopback of the host', async (t) => {
    const server = await listen(t, { port: 0, host: '127.0.0.1' });
    const address = server.address();
    assert.ok(address !== null && typeof address === 'object');
    const sandbox = await openSandbox(t, provider);
    const result = await sandbox.run({ script: reach('AF_INET', `('127.0.0.1', ${address.port})`) });
    assert.doesNotMatch(result.stdout, /reached/);
    assert.match(result.stderr, /Connection refused/);
  });

  test('does not reach unix sockets of the host: abstract, in /tmp, or beside the workspace', async (t) => {
    const folder = await makeFolder(t);
    const abstract = `\0kazi-test-${process.pid}`;
    const path = join(folder, '.s.PGSQL.5432');
    await listen(t, { path: abstract });
    await listen(t, { path });
    await chmod(path, 0o777);
    const sandbox = await openSandbox(t, provider, { workspaceDir: join(folder, 'workspace') });
    for (const target of [String.raw`'\\0kazi-test-${String(process.pid)}'`, `'${path}'`]) {
      const { stdout, exitCode } = await sandbox.run({ script: reach('AF_UNIX', target) });
      assert.doesNotMatch(stdout, /reached/);
      assert.equal(exitCode, 1);
    }
  });

  test('has no way out, and a loopback of its own', async (t) => {
    const sandbox = await openSandbox(t, provider);
    const outside = await sandbox.run({ script: reach('AF_INET', "('192.0.2.1', 80)") });
    assert.match(outside.stderr, /unreachable/i);
    const { stdout } = await sandbox.run({ script: 'grep -vE "^(Inter-| face)" /proc/net/dev | cut -d: -f1' });
    assert.equal(stdout.trim(), 'lo');
  });
});

describe('processes of a sandbox', { skip, concurrency: 2 }, () => {
  const daemons = (seconds: string): string =>
    `setsid nohup sleep ${seconds} >/dev/null 2>&1 </dev/null &
    (setsid sh -c 'trap "" TERM HUP INT; sleep ${seconds} & wait; sleep ${seconds}' >/dev/null 2>&1 &) &
    ( ( sleep ${seconds} & ) & )
    sleep 0.2; echo begun;`;

  test('do not outlive a command that ends by itself', async (t) => {
    const sandbox = await openSandbox(t, provider);
    const seconds = uniqueSeconds();
    const result = await sandbox.run({ script: daemons(seconds) });
    assert.deepEqual([result.exitCode, result.stdout], [0, 'begun\n']);
    assert.deepEqual(findProcesses(seconds), []);
  });

  for (const way of ['kill', 'abort', 'timeout', 'destroy'] as const) {
    test(`do not outlive a command that ends by ${way}`, async (t) => {
      const sandbox = await openSandbox(t, provider);
      const controller = new AbortController();
      const seconds = uniqueSeconds();
      const begun = Promise.withResolvers<void>();
      const running = await sandbox.spawn({
        script: `${daemons(seconds)} sleep ${seconds}`,
        signal: controller.signal,
        ...(way === 'timeout' ? { timeoutMs: 1500 } : {}),
        onOutput: () => begun.resolve(),
      });
      await begun.promise;
      assert.ok(findProcesses(seconds).length >= 3);
      if (way === 'kill') running.kill();
      if (way === 'abort') controller.abort();
      if (way === 'destroy') await sandbox.destroy();
      assert.equal((await running.result).signal, 'SIGKILL');
      assert.deepEqual(findProcesses(seconds), []);
    });
  }

  test('do not outlive a server that was killed', async (t) => {
    const seconds = uniqueSeconds();
    const workspaceDir = join(await makeFolder(t), 'workspace');
    const { server } = await startServer(t, {
      provider: 'bubblewrap',
      workspaceDir,
      script: `${daemons(seconds)} sleep ${seconds}`,
    });
    await waitUntil(() => findProcesses(seconds).length >= 3, 'the daemons are there');
    server.kill('SIGKILL');
    await waitUntil(() => findProcesses(seconds).length === 0, 'the processes of the killed server are gone');
  });

  test('of a stopped server are dead before another one works in their workspace, and it can start no more', async (t) => {
    const workspaceDir = join(await makeFolder(t), 'workspace');
    const seconds = uniqueSeconds();
    const { server, messages } = await startServer(t, {
      provider: 'bubblewrap',
      workspaceDir,
      script: `${daemons(seconds)} sleep ${seconds}`,
    });
    await waitUntil(() => findProcesses(seconds).length >= 3, 'the daemons are there');
    server.kill('SIGSTOP');
    const sandbox = await openSandbox(t, provider, { workspaceDir, identity: 77 });
    assert.deepEqual(findProcesses(seconds), []);
    assert.equal((await sandbox.run({ script: 'echo mine' })).stdout, 'mine\n');
    server.send({ script: 'echo zombie > zombie' });
    server.kill('SIGCONT');
    await waitUntil(() => JSON.stringify(messages).includes('taken over'), 'the woken server is refused');
    assert.equal(await sandbox.stat('zombie'), null);
  });
});
