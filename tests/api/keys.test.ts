import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { startApi } from '../support/api.ts';
import { bearer, send } from '../support/api-client.ts';

const api = await startApi({ runsJobs: false });

const ask = async (method: string, path: string, body?: Readonly<Record<string, unknown>>, key = api.adminKey) =>
  await send(api.url, { method, path, headers: bearer(key), ...(body ? { body } : {}) });

test('a key is shown once, listed without its secret, and revoked for good', async () => {
  const expiresAt = Math.floor(Date.now() / 1_000) + 3_600;
  const made = await ask('POST', '/keys', { name: 'ci', user_id: 'robot', scopes: ['admin'], expires_at: expiresAt });
  const secret = String(made.json['api_key']);
  const key = made.json['key'] as Readonly<Record<string, unknown>>;
  assert.match(secret, /^kz_[A-Za-z0-9_-]{32,}$/);
  assert.deepEqual(
    [key['name'], key['user_id'], key['scopes'], key['expires_at'], key['revoked_at']],
    ['ci', 'robot', ['user', 'admin'], expiresAt, null],
  );
  const listed = await ask('GET', '/keys', undefined, secret);
  assert.ok((listed.json['keys'] as { id: string }[]).some(({ id }) => id === key['id']));
  assert.ok(!listed.text.includes(secret));
  const revoked = await ask('DELETE', `/keys/${String(key['id'])}`);
  assert.notEqual((revoked.json['key'] as Readonly<Record<string, unknown>>)['revoked_at'], null);
  assert.equal((await ask('GET', '/keys', undefined, secret)).status, 401);
});

test('keys of another tenant are neither listed nor revoked', async () => {
  const foreign = await api.key({ tenantId: 'other', scopes: ['user', 'admin'] });
  const made = await ask('POST', '/keys', { name: 'theirs' }, foreign);
  const { id } = made.json['key'] as { id: string };
  assert.ok(!(await ask('GET', '/keys')).text.includes(id));
  assert.equal((await ask('DELETE', `/keys/${id}`)).status, 404);
  assert.equal((await ask('GET', '/keys', undefined, String(made.json['api_key']))).status, 403);
});

test('malformed bodies are 400, unknown and malformed ids 404', async () => {
  for (const body of [
    {},
    { name: '' },
    { name: 'x', scopes: ['root'] },
    { name: 'x', stray: 1 },
    { name: 'a\0b' },
    { name: 'x', expires_at: 1e300 },
  ]) {
    const answer = await ask('POST', '/keys', body);
    assert.deepEqual([answer.status, answer.text], [400, '{"ok":false,"error":"Invalid API key body"}']);
  }
  for (const id of [randomUUID(), 'nope', '%00']) assert.equal((await ask('DELETE', `/keys/${id}`)).status, 404);
});
