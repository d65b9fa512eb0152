import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { startApi } from '../support/api.ts';
import { bearer, send } from '../support/api-client.ts';
import { rowsOf } from '../support/rows.ts';
import { eventually } from '../support/signals.ts';

const logLines: string[] = [];
const api = await startApi({ logLines });
const rows = rowsOf(api.databaseUrl);

test('the last use of a key is recorded, at most once a minute', async () => {
  const key = await api.key({ tenantId: 'used', userId: 'u' });
  const later = await api.key({ tenantId: 'used', userId: 'v' });
  const use = async (credential: string) => await send(api.url, { path: '/jobs', headers: bearer(credential) });
  const lastUse = async (user: string) =>
    (await rows("select last_used_at from api_keys where tenant_id = 'used' and user_id = $1", [user]))[0]?.[
      'last_used_at'
    ];
  assert.equal(await lastUse('u'), null);
  await Promise.all([use(key), use(key), use(key)]);
  const first = await eventually('the first use', async () => (await lastUse('u')) ?? false);
  // Forgets all keys, so that the next request looks this one up again.
  api.context.notifications.publish('keys', 'any');
  await use(key);
  // Recorded after whatever the request before has recorded.
  await use(later);
  await eventually('the use of the other key', async () => (await lastUse('v')) ?? false);
  assert.deepEqual(await lastUse('u'), first);
});

test('no log line of a busy run holds a key or a token, at any level', async () => {
  const key = await api.key({ tenantId: 'canary', userId: 'u', scopes: ['user', 'admin'] });
  const token = api.token({ tenantId: 'canary', userId: 'u' });
  const stale = api.token({ tenantId: 'canary', userId: 'u', expiresAtMs: Date.now() - 3_600_000, issuedAtMs: 1 });
  const credentials = [key, token, stale, `${key}x`, `${token}x`];
  for (const credential of credentials) {
    const headers = bearer(credential);
    const asQuery = encodeURIComponent(credential);
    const body = { question: 'echo hi', agent_type: 'shell' };
    const submitted = await send(api.url, { method: 'POST', path: `/submit?token=${asQuery}`, headers, body });
    const jobId = submitted.status === 200 ? String(submitted.json['job_id']) : randomUUID();
    await send(api.url, { path: `/jobs/${jobId}/events?token=${asQuery}` });
    for (const path of ['artifacts', 'artifacts/%zz', 'artifacts/x', 'nope', '']) {
      await send(api.url, { path: `/jobs/${jobId}/${path}?token=${asQuery}` });
    }
    for (const path of [
      `/${asQuery}`,
      `/session/${asQuery}/state`,
      `/jobs/${asQuery}`,
      `/agents/${asQuery}`,
      '/keys',
    ]) {
      await send(api.url, { path, headers });
    }
    await send(api.url, { method: 'POST', path: '/query', headers, body: { ...body, session_id: 'canary' } });
    await send(api.url, { method: 'DELETE', path: `/keys/${randomUUID()}`, headers });
  }
  const made = await send(api.url, { method: 'POST', path: '/keys', headers: bearer(key), body: { name: 'canary' } });
  credentials.push(String(made.json['api_key']));
  const { id } = made.json['key'] as { readonly id: string };
  await send(api.url, { method: 'DELETE', path: `/keys/${id}`, headers: bearer(key) });
  // A defect under way: whatever it throws goes to the log.
  await rows('alter table jobs rename to jobs_away');
  const failed = await send(api.url, {
    method: 'POST',
    path: `/submit?token=${token}`,
    headers: bearer(key),
    body: { question: token, agent_type: 'echo' },
  });
  const unread = await send(api.url, { path: `/jobs/${randomUUID()}/artifacts?token=${key}` });
  await rows('alter table jobs_away rename to jobs');
  assert.deepEqual([failed.status, unread.status], [500, 500]);
  const log = logLines.join('\n');
  assert.match(log, /request failed/);
  assert.match(log, /API key revoked/);
  for (const credential of credentials) {
    const secretPart = credential.startsWith('kz_') ? credential.slice(11) : (credential.split('.')[1] ?? credential);
    assert.ok(!log.includes(credential) && !log.includes(secretPart), `the log holds ${credential}`);
    assert.ok(!failed.text.includes(credential) && !unread.text.includes(credential));
  }
});
