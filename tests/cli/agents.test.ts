import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { createTestDatabase } from '../support/database.ts';
import { type CallResult, callKazi, makeFolder, startServing } from './kazi-process.ts';

const database = await createTestDatabase();
const folder = await makeFolder({ after });
const server = await startServing({ cwd: folder, env: { DATABASE_URL: database.url } });
after(async () => await server.stop());

const kazi = async (argv: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<CallResult> =>
  await callKazi(argv, { cwd: folder, env: { ...server.env, ...env } });

const shown = async (name: string, ...more: readonly string[]): Promise<Readonly<Record<string, unknown>>> =>
  JSON.parse((await kazi(['agents', 'get', name, ...more])).stdout) as Readonly<Record<string, unknown>>;

describe('kazi agents', () => {
  test('makes an agent out of options, and a job runs with it', async () => {
    const made = await kazi(['agents', 'create', '--name', 'parrot', '--runtime', 'echo', '--description', 'repeats']);
    assert.deepEqual([made.code, made.stdout, made.stderr], [0, 'parrot version 1\n', '']);
    const run = await kazi(['run', '--agent', 'parrot', '--json', 'say it']);
    assert.deepEqual([run.code, /"text": ?"say it"/.test(run.stdout)], [0, true]);
    assert.match(
      (await kazi(['agents', 'list'])).stdout,
      /^NAME .*\n[^]*^parrot +1 +echo +- +repeats$[^]*^shell +built in/m,
    );
  });

  test('makes one out of a file, with options before what the file says', async () => {
    await writeFile(join(folder, 'words.txt'), 'Be kind.\n');
    const definition = { name: 'filed', instructions: 'from the file', limits: { budget: 'low', max_model_calls: 3 } };
    await writeFile(join(folder, 'agent.json'), JSON.stringify(definition));
    const options = [
      '--instructions',
      '@words.txt',
      '--budget',
      'high',
      '--tools',
      'read, search',
      '--max-running',
      '2',
    ];
    const made = await kazi([
      'agents',
      'create',
      '--file',
      'agent.json',
      '--model',
      'openai/gpt-5',
      ...options,
      '--json',
    ]);
    const { agent } = JSON.parse(made.stdout) as { agent: Readonly<Record<string, unknown>> };
    assert.deepEqual(
      [agent['name'], agent['version'], agent['model'], agent['instructions'], agent['tools'], agent['max_running']],
      ['filed', 1, 'openai/gpt-5', 'Be kind.\n', ['read', 'search'], 2],
    );
    const limits = agent['limits'] as Readonly<Record<string, unknown>>;
    assert.deepEqual([limits['budget'], limits['max_model_calls']], ['high', 3]);
  });

  test('shows an agent in the form that makes its next version', async () => {
    await kazi(['agents', 'create', '--name', 'again', '--instructions', 'one', '--tools', '']);
    const first = await kazi(['agents', 'get', 'again']);
    assert.match(first.stderr, /^again: version 1 of \d{4}-/);
    await writeFile(join(folder, 'again.json'), first.stdout);
    const second = await kazi(['agents', 'create', '--file', 'again.json', '--instructions', 'two']);
    assert.deepEqual([second.code, second.stdout], [0, 'again version 2\n']);
    assert.deepEqual(await shown('again'), { ...(JSON.parse(first.stdout) as object), instructions: 'two', tools: [] });
    assert.equal((await shown('again', '--agent-version', '1'))['instructions'], 'one');
    assert.match((await kazi(['agents', 'versions', 'again'])).stdout, /^VERSION .*\n2 +\d{4}-.*\n1 +\d{4}-.*\n$/);
    const json = JSON.parse((await kazi(['agents', 'versions', 'again', '--json'])).stdout) as { versions: unknown[] };
    assert.equal(json.versions.length, 2);
  });

  test('retires an agent', async () => {
    await kazi(['agents', 'create', '--name', 'leaves', '--runtime', 'echo']);
    assert.equal((await kazi(['agents', 'retire', 'leaves'])).stdout, 'leaves retired\n');
    const { code, stderr } = await kazi(['run', '--agent', 'leaves', 'x']);
    assert.deepEqual([code, /Unknown agent type: 'leaves'/.test(stderr)], [2, true]);
    assert.match((await kazi(['agents', 'get', 'leaves'])).stderr, /, retired \d{4}-/);
    assert.doesNotMatch((await kazi(['agents', 'list', '--json'])).stdout, /leaves/);
  });

  test('ends with 2 and one line for what cannot be made', async () => {
    await writeFile(join(folder, 'list.json'), '[]');
    const cases = [
      [['--runtime', 'echo'], /^kazi: found no name of the agent, expected --name NAME/],
      [['--file', 'none.json'], /^kazi: the file "none\.json" cannot be read \(ENOENT\)/],
      [['--file', 'list.json'], /^kazi: found no JSON object in the file "list\.json", expected an agent/],
      [['--name', 'x', '--max-running', 'two'], /^kazi: found --max-running "two", expected a whole number/],
      [['--name', 'x', '--tools', 'bahs'], /^kazi: .* 400: Invalid agent: tools\[0\]: .*did you mean "bash"\?/],
    ] as const;
    for (const [argv, said] of cases) {
      const { code, stdout, stderr } = await kazi(['agents', 'create', ...argv]);
      assert.deepEqual([code, stdout, stderr.split('\n').length], [2, '', 2], stderr);
      assert.match(stderr, said);
    }
  });

  test('ends with 1 and the words of the server for what is built in or not there', async () => {
    const builtin = await kazi(['agents', 'retire', 'shell']);
    assert.deepEqual([builtin.code, /409: Agent "shell" is built in/.test(builtin.stderr)], [1, true]);
    const missing = await kazi(['agents', 'get', 'none']);
    assert.deepEqual([missing.code, /404: Agent not found: found no "none"/.test(missing.stderr)], [1, true]);
  });
});
