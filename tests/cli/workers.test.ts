import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startApi } from '../support/api.ts';
import { type CallResult, callKazi, makeFolder } from './kazi-process.ts';

const api = await startApi({ defaultAgent: 'shell' });
const folder = await makeFolder({ after });
const kazi = async (...argv: readonly string[]): Promise<CallResult> =>
  await callKazi(['workers', ...argv], { cwd: folder, env: { KAZI_URL: api.url, KAZI_API_KEY: api.adminKey } });

test('kazi workers makes a worker, goes on with it, shows it and its files, and deletes it', async () => {
  const created = await kazi('create', 'mkdir -p a; echo x > "a/b c.txt"; echo one');
  assert.equal(created.code, 0, created.stderr);
  const id = created.stdout.trim();
  assert.match(id, /^t_default_w_[0-9A-Z]{26}$/);
  const watched = await kazi('watch', id);
  assert.deepEqual([watched.code, watched.stdout.startsWith('one\n')], [0, true], watched.stderr);
  assert.match(watched.stdout, /^file http.*\/files\/a\/b%20c\.txt$/m);

  assert.match((await kazi('continue', id, 'cat "a/b c.txt"; exit 3')).stdout, /^[0-9a-f-]{36}\n$/);
  const failed = await kazi('watch', id, '--json');
  const parts = failed.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { readonly type: string });
  assert.deepEqual([failed.code, parts.at(-1)?.type], [1, 'finish']);

  assert.equal((await kazi('files', id)).stdout, 'a/b c.txt\n');
  assert.equal((await kazi('files', id, 'a/b c.txt')).stdout, 'x\n');
  const shown = await kazi('get', id);
  assert.match(shown.stdout, new RegExp(`^worker +${id}\\nstatus +failed\\n[^]*^files +a/b c\\.txt\\n\\nx\\n$`, 'm'));
  assert.match((await kazi('list')).stdout, new RegExp(`^WORKER .*\\n${id} +error `));
  assert.deepEqual((await kazi('delete', id)).stdout, `${id} deleted\n`);
  const gone = await kazi('get', id);
  assert.equal(gone.code, 1);
  assert.match(gone.stderr, /404: Worker not found/);
});

test('kazi workers cancel stops what runs and what waits', async () => {
  const { stdout } = await kazi('create', 'sleep 30', '--json');
  const { id } = JSON.parse(stdout) as { readonly id: string };
  await kazi('continue', id, 'echo never', '--budget', 'low');
  assert.deepEqual((await kazi('cancel', id)).stdout, `${id} canceled 2\n`);
  const watched = await kazi('watch', id);
  assert.equal(watched.code, 3, watched.stdout);
});

test('kazi workers refuses what the server refuses, with its words', async () => {
  const refused = await kazi('create', 'x', '--budget', 'huge');
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /budget must be one of low, standard, high, unlimited/);
  assert.match((await kazi('--help')).stdout, /watch .* <worker>/);
});

test('kazi workers email and senders, and kazi mail, say where mail goes and who may send it', async () => {
  const mail = async (...argv: readonly string[]): Promise<CallResult> =>
    await callKazi(['mail', ...argv], { cwd: folder, env: { KAZI_URL: api.url, KAZI_API_KEY: api.adminKey } });
  const id = (await kazi('create', 'true')).stdout.trim();
  assert.match((await kazi('email', id)).stdout, /^[0-9a-z]{26}-[a-z0-9]{8}@kazi\.localhost\n$/);
  const nobody = await kazi('senders', id);
  assert.deepEqual([nobody.stdout, nobody.stderr], ['', 'nobody; the addresses of its owner (kazi mail)\n']);
  assert.equal((await mail('set', 'Owner@example.org')).stdout, 'admin: owner@example.org\n');
  assert.match((await mail('list')).stdout, /^USER .*\nadmin +owner@example\.org\n$/);
  assert.equal((await kazi('senders', id, '*@acme.test')).stdout, '*@acme.test\n');
  assert.equal((await kazi('senders', id, '--owner')).stdout, 'owner@example.org\n');
  assert.equal((await kazi('senders', id, 'x@y', '--none')).code, 2);
});
