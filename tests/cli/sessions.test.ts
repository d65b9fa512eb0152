import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { startApi } from '../support/api.ts';
import { eventually } from '../support/signals.ts';
import { type CallResult, callKazi, makeFolder } from './kazi-process.ts';

const api = await startApi();
const folder = await makeFolder({ after });
const kazi = async (...argv: readonly string[]): Promise<CallResult> =>
  await callKazi(['sessions', ...argv], { cwd: folder, env: { KAZI_URL: api.url, KAZI_API_KEY: api.adminKey } });

test('kazi sessions queues, reads, lists and stops', async () => {
  const first = await kazi('prompt', 's', 'echo begun; sleep 60', '--agent', 'shell', '--if-busy', 'enqueue');
  assert.equal(first.code, 0, first.stderr);
  assert.match(first.stdout, /^[0-9a-f-]{36} started\n$/);
  await eventually('a running session', async () => (await kazi('get', 's')).stdout.includes('executing'));
  const waiting = (await kazi('prompt', 's', 'in turn', '--agent', 'echo')).stdout.trim();
  assert.match((await kazi('queue', 's')).stdout, new RegExp(`^PLACE .*\\n1 +${waiting} .* in turn\\n$`));
  assert.match((await kazi('list')).stdout, /^SESSION .*\ns +executing .* 1 +admin\n$/);
  assert.equal((await kazi('unqueue', 's', waiting)).stdout, `${waiting} removed\n`);
  assert.equal((await kazi('unqueue', 's', '--all')).stdout, 'Queue was already empty\n');
  assert.equal((await kazi('stop', 's', '--now')).stdout, 'Session interrupted immediately.\n');
  assert.equal((await kazi('stop', 's')).stdout, 'No run in progress; nothing to stop.\n');
  assert.match((await kazi('messages', 's')).stdout, /user\necho begun; sleep 60\n/);
});

test('kazi sessions says what it needs, and prints JSON', async () => {
  const wrong = await kazi('prompt', 's', 'x', '--if-busy', 'wait');
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /enqueue, reject, interrupt/);
  const gone = await kazi('unqueue', 's', 'nobody');
  assert.equal(gone.code, 1);
  assert.match(gone.stderr, /404: Prompt not found in queue/);
  const json = JSON.parse((await kazi('get', 'unknown', '--json')).stdout) as { readonly state: { status: string } };
  assert.equal(json.state.status, 'idle');
});
