import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { startApi } from '../support/api.ts';
import { createTestDatabase } from '../support/database.ts';
import { startReceiver } from '../support/receiver.ts';
import { rowsOf } from '../support/rows.ts';
import { WebhookCaller } from '../webhooks/webhook-caller.ts';
import { type CallResult, callKazi, makeFolder, startServing } from './kazi-process.ts';

const api = await startApi({ webhooks: { waitMs: () => 0 } });
const hooks = new WebhookCaller(api);
const folder = await makeFolder({ after });
const kazi = async (...argv: readonly string[]): Promise<CallResult> =>
  await callKazi(argv, { cwd: folder, env: { KAZI_URL: api.url, KAZI_API_KEY: api.adminKey } });
const ok = async (...argv: readonly string[]): Promise<string> => {
  const { code, stdout, stderr } = await kazi(...argv);
  assert.equal(code, 0, `${argv.join(' ')}: ${stderr}`);
  return stdout;
};

test('kazi secrets sets a secret from a file, lists it without its value, and deletes it', async () => {
  await writeFile(join(folder, 'value'), 'canary-value\n');
  assert.equal(await ok('secrets', 'set', 'hook', '--file', 'value'), 'hook set\n');
  const listed = await ok('secrets', 'list');
  assert.match(listed, /^NAME .*\nhook +\d{4}-/);
  assert.doesNotMatch(listed + (await ok('secrets', 'list', '--json')), /canary/);
  assert.equal(await ok('secrets', 'delete', 'hook'), 'hook deleted\n');
  assert.equal((await kazi('secrets', 'delete', 'hook')).code, 1);
  assert.equal((await kazi('secrets', 'set', 'a b', '--file', 'value')).code, 2);
});

test('kazi webhooks adds, tests, changes, switches and deletes an endpoint', async (t) => {
  const receiver = await startReceiver([200], t);
  const made = await kazi('webhooks', 'create', receiver.url, '--events', 'job.failed', '--header', 'X-Key: v');
  assert.match(made.stdout, /^whsec_\S+\n$/);
  const [id = ''] = made.stderr.split(' ');
  assert.match(await ok('webhooks', 'test', id), /^msg_\w{26} is sent\n$/);
  const [attempt] = await receiver.take(1);
  assert.equal(attempt?.headers['x-key'], 'v');
  assert.match(await ok('webhooks', 'change', id, '--name', 'ops', '--events', 'all'), /enabled\n$/);
  assert.match(await ok('webhooks', 'list'), new RegExp(`^${id} +ops +enabled +all +${receiver.url}$`, 'm'));
  assert.match(await ok('webhooks', 'rotate-secret', id, '--keep-previous', '1h'), /^whsec_/);
  assert.match(await ok('webhooks', 'disable', id), /disabled: an admin switched it off\n$/);
  assert.equal((await kazi('webhooks', 'test', id)).code, 1);
  assert.match(await ok('webhooks', 'enable', id), /enabled\n$/);
  assert.equal(await ok('webhooks', 'delete', id), `${id} deleted\n`);
});

test('kazi webhooks lists deliveries, shows the attempts of one, and sends again what failed', async (t) => {
  const receiver = await startReceiver([500, 500, 200, 200], t);
  const jobId = await hooks.submit({ url: receiver.url, max_attempts: 2 });
  const { id } = await hooks.settled(`job_id=${jobId}`);
  assert.match(await ok('webhooks', 'deliveries', '--job', jobId), /^msg_\w+ +job\.complete +failed +2 +- +HTTP 500 /m);
  assert.match(await ok('webhooks', 'show', String(id)), /\n2 .* 500 +HTTP 500\n$/);
  assert.equal(await ok('webhooks', 'replay-failed', '--since', '1h'), '1 deliveries are sent again\n');
  await receiver.take(3);
  await hooks.webhookOf(jobId, (webhook) => webhook['last_status'] === 200);
  assert.equal(await ok('webhooks', 'replay', String(id)), `${String(id)} is sent\n`);
  await receiver.take(4);
});

test('kazi secrets rotate-key seals everything with a new key, and refuses while a server has the old one', async (t) => {
  const database = await createTestDatabase(t);
  const cwd = await makeFolder(t);
  const env = { DATABASE_URL: database.url, KAZI_ALLOW_PRIVATE_WEBHOOKS: 'true' };
  const receiver = await startReceiver([200], t);
  const first = await startServing({ cwd, env });
  const call = async (argv: readonly string[]): Promise<CallResult> =>
    await callKazi(argv, { cwd, env: { ...env, ...first.env } });
  await writeFile(join(cwd, 'value'), 'kept over the rotation');
  for (const keep of [[], ['--keep-previous', '1d']])
    assert.equal((await call(['secrets', 'set', 'hook', '--file', 'value', ...keep])).code, 0);
  const made = await call(['webhooks', 'create', receiver.url]);
  const [id = ''] = made.stderr.split(' ');
  assert.equal((await call(['webhooks', 'rotate-secret', id])).code, 0);
  // A job and a schedule with credentials of their own.
  const sealed = { url: receiver.url, signing_secret: 'own', headers: { 'x-key': 'own' } };
  const key = (await readFile(join(cwd, '.kazi/secrets/api-key'), 'utf8')).trim();
  const caller = new WebhookCaller({ url: first.url, adminKey: key });
  const jobId = await caller.submit(sealed, { schedule_at: Math.floor(Date.now() / 1_000) + 3_600 });
  await caller.ok('POST', '/schedules', {
    ...{ name: 'nightly', question: 'x', agent_type: 'echo', schedule_type: 'cron', cron: '@yearly', webhook: sealed },
  });
  const refused = await call(['secrets', 'rotate-key']);
  assert.deepEqual([refused.code, /stop it, rotate, and start it again/.test(refused.stderr)], [1, true]);
  await first.stop();
  const rows = rowsOf(database.url);
  const read = async () =>
    await rows<{ text: string }>(
      `select sealed || previous_sealed as text from secrets
       union all select config ->> 'sealed' || previous_sealed from webhook_endpoints
       union all select webhook ->> 'sealed' from jobs where webhook is not null
       union all select webhook ->> 'sealed' from schedules`,
    );
  const before = await read();
  const rotated = await call(['secrets', 'rotate-key']);
  assert.equal(
    rotated.stdout,
    '6 values are sealed again, by a new key in the data folder; no earlier key is needed any more\n',
  );
  const after = await read();
  assert.ok(after.every(({ text }, place) => text.slice(0, 11) !== before[place]?.text.slice(0, 11)));
  const again = await callKazi(['secrets', 'rotate-key', '--json'], { cwd, env });
  assert.deepEqual(JSON.parse(again.stdout), { ok: true, resealed: 6, new_key: true });
  const second = await startServing({ cwd, env });
  t.after(async () => await second.stop());
  const tested = await callKazi(['webhooks', 'test', id], { cwd, env: { ...env, ...second.env } });
  assert.equal(tested.code, 0, tested.stderr);
  const [attempt] = await receiver.take(1);
  assert.match(String(attempt?.headers['webhook-signature']), /^v1,\S+ v1,\S+$/);
  await new WebhookCaller({ url: second.url, adminKey: key }).ok('DELETE', `/jobs/${jobId}`);
  // The endpoint of the tenant is told of it too.
  const told = await receiver.take(3);
  assert.ok(told.some(({ headers }) => headers['x-key'] === 'own'));
});
