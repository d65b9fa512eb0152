import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { createTestDatabase } from '../support/database.ts';
import { eventually } from '../support/signals.ts';
import { type CallResult, callKazi, makeFolder, startServing } from './kazi-process.ts';

const database = await createTestDatabase();
const folder = await makeFolder({ after });
const server = await startServing({ cwd: folder, env: { DATABASE_URL: database.url } });
after(async () => await server.stop());

const kazi = async (...argv: readonly string[]): Promise<CallResult> =>
  await callKazi(['batches', ...argv], { cwd: folder, env: server.env });

test('kazi batches hands in a file of requests, follows it, shows its items and cancels', async () => {
  const url = String(server.env['KAZI_URL']);
  const key = (await readFile(join(folder, '.kazi', 'secrets', 'api-key'), 'utf8')).trim();
  const made = await fetch(`${url}/v1/agents/`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}` },
    body: JSON.stringify({ model: 'kazi/echo' }),
  });
  const { id: agent } = (await made.json()) as { readonly id: string };
  const lines = ['one', 'two'].map((input) => JSON.stringify({ agent_id: agent, input }));
  await writeFile(join(folder, 'requests.jsonl'), `${lines.join('\n')}\n`);
  const created = await kazi('create', '--file', 'requests.jsonl');
  assert.equal(created.code, 0, created.stderr);
  const id = created.stdout.trim();
  const shown = await eventually('the end of the batch', async () => {
    const { stdout } = await kazi('get', id);
    return stdout.includes('completed') && stdout;
  });
  assert.equal(shown, `${id} completed\n2 items: 2 succeeded, 0 failed, 0 cancelled\n`);
  assert.match((await kazi('list')).stdout, new RegExp(`^BATCH .*\n${id} +completed +2/2 +0 `));
  const items = (await kazi('items', id, '--jsonl')).stdout.trim().split('\n');
  assert.deepEqual(
    items.map((line) => (JSON.parse(line) as { readonly status: string }).status),
    ['completed', 'completed'],
  );
  assert.match((await kazi('items', id)).stdout, /^JOB +STATUS +AGENT +ERROR\n/);
  const cancelled = JSON.parse((await kazi('cancel', id, '--json')).stdout) as { readonly status: string };
  assert.equal(cancelled.status, 'completed');
  await writeFile(join(folder, 'broken.jsonl'), '{"a":1}\nnope\n');
  const broken = await kazi('create', '--file', 'broken.jsonl');
  assert.deepEqual([broken.code, /line 2 is no JSON/.test(broken.stderr)], [2, true]);
  const unknown = await kazi('get', 'nope');
  assert.match(unknown.stderr, /Invalid job ID format: nope/);
});
