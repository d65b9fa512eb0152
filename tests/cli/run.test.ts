import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { findApiKey } from '../../src/cli/connection.ts';
import { loadConfig } from '../../src/config.ts';
import { createTestDatabase } from '../support/database.ts';
import { IN_A_REAL_SANDBOX } from '../support/real-sandbox.ts';
import { type CallResult, callKazi, type KaziProcess, makeFolder, startKazi, startServing } from './kazi-process.ts';

const database = await createTestDatabase();
const folder = await makeFolder({ after });
const server = await startServing({ cwd: folder, env: { DATABASE_URL: database.url } });
after(async () => await server.stop());

const run = async (argv: readonly string[], cwd = folder): Promise<CallResult> =>
  await callKazi(['run', ...argv], { cwd, env: server.env });
const startRun = (argv: readonly string[]): KaziProcess =>
  startKazi(['run', ...argv], { cwd: folder, env: server.env });

const jobIdIn = (text: string): string => /[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}/.exec(text)?.[0] ?? 'none';

describe('kazi run', () => {
  test('shows the output of a job and ends with 0 when it completes', async () => {
    const { code, stdout } = await run(['echo hello; echo oops >&2; exit 0']);
    assert.equal(code, 0);
    assert.match(stdout, /^ {2}hello$/m);
    assert.match(stdout, /^ {2}oops$/m);
    assert.match(stdout, /^complete after/m);
  });

  test('ends with 1 and the reason when the job fails', async () => {
    const { code, stdout } = await run(['echo the cause; exit 7']);
    assert.equal(code, 1);
    assert.match(stdout, /^failed after .*exit code 7\nthe cause$/m);
  });

  test('saves artifacts under the id of the job, folders and odd names included', async (t) => {
    const cwd = await makeFolder(t);
    const { code, stdout, stderr } = await run(
      ["mkdir 'a b'; printf inside > 'a b/c#?.txt'; printf top > top.txt"],
      cwd,
    );
    assert.deepEqual([code, stderr], [0, '']);
    const saved = join(cwd, 'kazi-artifacts', jobIdIn(stdout));
    assert.deepEqual((await readdir(saved, { recursive: true })).toSorted(), ['a b', 'a b/c#?.txt', 'top.txt']);
    assert.equal(await readFile(join(saved, 'a b', 'c#?.txt'), 'utf8'), 'inside');
  });

  test('prints the final state as JSON and nothing else with --json', async () => {
    const { code, stdout, stderr } = await run(['--json', '--agent', 'echo', 'ping']);
    const job = JSON.parse(stdout) as { status: string; result: { summary: { text: string } } };
    assert.deepEqual([code, job.status, job.result.summary.text, stderr], [0, 'complete', 'ping', '']);
  });

  test('shows the answer of an agent that writes no output', async () => {
    const { stdout } = await run(['--agent', 'echo', 'the answer']);
    assert.match(stdout, /^ {2}the answer$/m);
  });

  test('takes the escape sequences out of what a job writes', async () => {
    const { stdout } = await run([String.raw`printf '\033[2Jquiet\007\n'`]);
    assert.match(stdout, /^ {2}quiet$/m);
  });

  test('prints the id and leaves with --detach, and the job goes on', async () => {
    const { code, stdout } = await run(['--detach', 'echo done']);
    assert.equal(code, 0);
    assert.equal(stdout, `${jobIdIn(stdout)}\n`);
    const events = await callKazi(['jobs', 'events', '--follow', stdout.trim()], { cwd: folder, env: server.env });
    assert.match(events.stdout, /job\.completed/);
  });

  test('goes on in the session that --session names', async () => {
    await run(['--session', 'shared', 'echo kept > kept.txt']);
    const { stdout } = await run(['--session', 'shared', 'cat kept.txt']);
    assert.match(stdout, /^ {2}kept$/m);
  });

  test('reads its input from standard input or a file', async () => {
    await writeFile(join(folder, 'job.sh'), 'echo from a file\n');
    assert.match((await run(['--script', 'job.sh'])).stdout, /^ {2}from a file$/m);
    // Its standard input is empty, and so is the job.
    assert.equal((await run(['--agent', 'echo', '-'])).code, 0);
  });

  test(
    'puts the files of --file into the workspace, byte for byte, however large for one input',
    IN_A_REAL_SANDBOX,
    async () => {
      const bytes = Buffer.from(Array.from({ length: 60_000 }, (_, index) => (index * index * 31) % 251));
      await writeFile(join(folder, "it's data.bin"), bytes);
      await writeFile(join(folder, 'empty.txt'), '');
      const digest = createHash('sha256').update(bytes).digest('hex');
      const { code, stdout } = await run([
        '--file',
        "it's data.bin",
        '--file',
        'empty.txt',
        'sha256sum *.bin; wc -c < empty.txt; ls -A',
      ]);
      assert.equal(code, 0, stdout);
      assert.match(stdout, new RegExp(`^ {2}${digest} `, 'm'));
      assert.match(stdout, /^ {2}0\n {2}empty\.txt\n {2}it's data\.bin\n\D/m);
    },
  );

  for (const [why, argv] of [
    ['there is no input', []],
    ['there are two inputs', ['--script', 'x', 'y']],
    ['a file is missing', ['--file', 'missing.txt', 'x']],
    ['the input is too long', ['x'.repeat(20_001)]],
    ['the agent is unknown', ['--agent', 'nobody', 'x']],
    ['an option is unknown', ['--jsn', 'x']],
  ] as const) {
    test(`ends with 2 and one line when ${why}`, async () => {
      const { code, stdout, stderr } = await run(argv);
      assert.deepEqual([code, stdout], [2, '']);
      assert.match(stderr, /^kazi: [^\n]+\n$/);
    });
  }

  test('cancels the job at the first Ctrl-C and ends with 3', IN_A_REAL_SANDBOX, async () => {
    const running = startRun(['echo begun; sleep 60']);
    const shown = await running.waitFor('stdout', /begun/);
    running.child.kill('SIGINT');
    const { code, stdout } = await running.ended;
    assert.equal(code, 3);
    assert.match(stdout, /^canceled after/m);
    const job = await callKazi(['jobs', 'get', '--json', jobIdIn(shown)], { cwd: folder, env: server.env });
    assert.equal((JSON.parse(job.stdout) as { status: string }).status, 'canceled');
  });

  test('ends with 4 when nothing answers at KAZI_URL', async () => {
    const env = { ...server.env, KAZI_URL: 'http://127.0.0.1:9' };
    const { code, stderr } = await callKazi(['run', 'x'], { cwd: folder, env });
    assert.equal(code, 4);
    assert.match(stderr, /found no server at "http:\/\/127\.0\.0\.1:9"/);
  });

  test('never sends the key of the data folder to a server elsewhere', async () => {
    const dataDir = server.env['KAZI_DATA_DIR'] ?? '';
    const config = loadConfig({ env: {}, flags: { dataDir }, file: null, workingFolder: folder });
    assert.match((await findApiKey(config, server.url)) ?? 'none', /^kz_/);
    assert.equal(await findApiKey(config, 'http://192.0.2.1:7420'), null);
    assert.equal(await findApiKey(config, 'http://127.0.0.1.example.com'), null);
  });
});

describe('kazi run without KAZI_URL', () => {
  test('uses the server that runs on the data folder', async () => {
    const { KAZI_URL: _, ...env } = server.env;
    const { code, stdout } = await callKazi(['run', '--agent', 'echo', 'x'], { cwd: folder, env });
    assert.equal(code, 0);
    assert.ok(stdout.includes(`submitted to ${server.url}\n`), stdout);
  });

  test('starts a server of its own, with nothing set at all, and stops it', async (t) => {
    const cwd = await makeFolder(t);
    const { code, stdout } = await callKazi(['run', 'echo alone > alone.txt'], { cwd });
    assert.equal(code, 0, stdout);
    assert.ok((await readdir(join(cwd, 'kazi-artifacts', jobIdIn(stdout)))).includes('alone.txt'));
  });

  test('refuses --detach with 4 where no server would go on', async (t) => {
    const { code, stderr } = await callKazi(['run', '--detach', 'x'], { cwd: await makeFolder(t) });
    assert.equal(code, 4);
    assert.match(stderr, /kazi serve/);
  });
});
