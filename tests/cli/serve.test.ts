import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { createTestDatabase } from '../support/database.ts';
import { callKazi, makeFolder, startKazi, startServing } from './kazi-process.ts';

const scope = { after };

describe('kazi serve with a database of its own', async () => {
  const database = await createTestDatabase();
  const env = { DATABASE_URL: database.url };

  test('prints one line on stdout and JSON lines on stderr, answers where it says, and ends with 0 on SIGTERM', async (t) => {
    const server = await startServing({ cwd: await makeFolder(t), env });
    const response = await fetch(`${server.url}/health`);
    assert.deepEqual(await response.json(), { ok: true, service: 'kazi' });
    const { code, stdout, stderr } = await server.stop();
    assert.equal(code, 0);
    assert.equal(stdout, `kazi ready ${server.url}\n`);
    const lines = stderr.trimEnd().split('\n');
    assert.ok(lines.every((line) => typeof JSON.parse(line) === 'object'));
  });

  test('ends with 0 on SIGINT', async (t) => {
    const server = await startServing({ cwd: await makeFolder(t), env });
    server.process.child.kill('SIGINT');
    const { code } = await server.process.ended;
    assert.equal(code, 0);
  });

  test('shows a generated API key at the first start only, and keeps it in a file that nobody else can read', async (t) => {
    const cwd = await makeFolder(t);
    const first = await (await startServing({ cwd, env })).stop();
    const path = join(cwd, '.kazi', 'secrets', 'api-key');
    const key = (await readFile(path, 'utf8')).trim();
    assert.equal(first.stderr.split(key).length - 1, 1);
    assert.equal((await stat(path)).mode & 0o777, 0o600);
    const second = await (await startServing({ cwd, env })).stop();
    assert.doesNotMatch(second.stderr, /kz_/);
  });

  test('shows the generated key even where the log is silent, and nothing else', async (t) => {
    const server = await startServing({ cwd: await makeFolder(t), env: { ...env, KAZI_LOG_LEVEL: 'silent' } });
    const { stderr } = await server.stop();
    assert.match(stderr, /^\{.*"apiKey":"kz_[^"]+".*\}\n$/);
  });

  test('stops at once on a second signal, though a job is running', async (t) => {
    const cwd = await makeFolder(t);
    // One of its own: the job stays behind, and another server would take it up.
    const { url } = await createTestDatabase(t);
    const server = await startServing({ cwd, env: { DATABASE_URL: url } });
    const run = startKazi(['run', '--agent', 'shell', 'echo begun; sleep 60'], { cwd, env: server.env });
    await run.waitFor('stdout', /begun/);
    server.process.child.kill('SIGTERM');
    await server.process.waitFor('stderr', /a second signal stops at once/);
    server.process.child.kill('SIGTERM');
    const { code } = await server.process.ended;
    assert.equal(code, 143);
    run.child.kill('SIGTERM');
    run.child.kill('SIGKILL');
    await run.ended;
  });

  test('ends with 1 and one sentence when its port is taken', async (t) => {
    const cwd = await makeFolder(t);
    const server = await startServing({ cwd, env });
    const { port } = new URL(server.url);
    const { code, stdout, stderr } = await callKazi(['serve', '--port', port], { cwd: await makeFolder(t), env });
    assert.equal(code, 1);
    assert.equal(stdout, '');
    assert.match(stderr, new RegExp(port));
    await server.stop();
  });
});

describe('kazi serve with a configuration that cannot be used', () => {
  test('ends with 1 and one line that names the setting when its database does not answer', async () => {
    const env = { DATABASE_URL: 'postgres://me:hunter2@127.0.0.1:9/none' };
    const { code, stderr } = await callKazi(['serve', '--port', '0'], { cwd: await makeFolder(scope), env });
    assert.equal(code, 1);
    assert.match(stderr, /^kazi: the database of DATABASE_URL cannot be used \(.*ECONNREFUSED.*kazi doctor.*\n$/m);
    assert.doesNotMatch(stderr, /hunter2/);
  });

  test('ends with 2 and one message that names every fault of flags, environment and file', async () => {
    const cwd = await makeFolder(scope);
    await writeFile(join(cwd, 'kazi.json'), JSON.stringify({ leaseMs: 'soon', portt: 1 }));
    const argv = ['serve', '--config', 'kazi.json', '--role', 'boss'];
    const { code, stdout, stderr } = await callKazi(argv, { cwd, env: { KAZI_PORT: 'x', KAZI_LEESE_MS: '1' } });
    assert.equal(code, 2);
    assert.equal(stdout, '');
    for (const fault of [
      /--role .*"boss"/,
      /KAZI_PORT .*"x"/,
      /"KAZI_LEESE_MS".*"KAZI_LEASE_MS"/,
      /leaseMs .*"soon"/,
      /"portt".*"port"/,
    ]) {
      assert.match(stderr, fault);
    }
  });

  test('names the nearest option and command for one that it does not know', async () => {
    const cwd = await makeFolder(scope);
    const option = await callKazi(['serve', '--prot', '1'], { cwd });
    assert.deepEqual([option.code, option.stderr], [2, "kazi: unknown option '--prot' (Did you mean --port?)\n"]);
    const command = await callKazi(['srve'], { cwd });
    assert.deepEqual([command.code, command.stderr], [2, "kazi: unknown command 'srve' (Did you mean serve?)\n"]);
  });
});
