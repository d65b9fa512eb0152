import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { send } from '../../support/api-client.ts';
import { assertError, Caller, mintToken, signPayload, type Target } from './target.ts';

const HOUR_MS = 3_600_000;

/** Conformance checks 5 to 14: credentials, hints, scope. */
export const defineCredentialChecks = (target: Target): void => {
  const submitWith = async (headers: Readonly<Record<string, string>>, path = '/submit') =>
    await send(target.url, { method: 'POST', path, headers, body: { question: 'x', agent_type: 'echo' } });
  const submitAs = async (token: string) => await submitWith({ authorization: `Bearer ${token}` });

  test('5. a valid body without credential is 401 Missing authorization token', async () => {
    assertError(await submitWith({}), 401, 'Missing authorization token');
  });

  test('6. Basic and bare Bearer are 401 Invalid authorization header', async () => {
    for (const authorization of ['Basic x', 'Bearer', 'Bearer ', 'x', 'Bearer a b']) {
      assertError(await submitWith({ authorization }), 401, 'Invalid authorization header');
    }
    assert.equal((await submitWith({ authorization: `bEaReR ${target.apiKey}` })).status, 200);
  });

  test('7. malformed tokens say what is malformed', async () => {
    for (const token of ['abc', 'a.b.c', 'a.']) assertError(await submitAs(token), 401, 'Invalid token format');
    const now = Date.now();
    const times = { issued_at: now, expires_at: now + HOUR_MS };
    const payloads = [
      'nope',
      '[]',
      JSON.stringify({ ...times, x: 1 }),
      JSON.stringify({ ...times, user_id: 5 }),
      JSON.stringify({ ...times, issued_at: `${now}` }),
    ];
    for (const payload of payloads)
      assertError(await submitAs(signPayload(target, payload)), 401, 'Invalid token payload');
    assertError(await submitAs('!!!.AAAA'), 401, 'Invalid token payload');
  });

  test('8. a token 30 s past expiry works, 61 s does not; the times are judged before the signature', async () => {
    const aged = (ms: number) => ({ issued_at: Date.now() - HOUR_MS, expires_at: Date.now() - ms });
    assert.equal((await submitAs(mintToken(target, aged(30_000)))).status, 200);
    assertError(await submitAs(mintToken(target, aged(61_000))), 401, 'Token expired');
    const forger = { signingSecret: 'another secret' };
    assertError(await submitAs(mintToken(forger, aged(61_000))), 401, 'Token expired');
    assertError(await submitAs(mintToken(forger)), 401, 'Invalid token signature');
    assertError(
      await submitAs(mintToken(target, { issued_at: Date.now() + 120_000 })),
      401,
      'Token issued in the future',
    );
    const reversed = { issued_at: Date.now() + 30_000, expires_at: Date.now() };
    assertError(await submitAs(mintToken(target, reversed)), 401, 'Invalid token timestamps');
  });

  test('9. standard, unpadded and base64url tokens work; in ?token= a + that arrived as space works', async () => {
    const claims = { user_id: 'üser>>>???' };
    for (const alphabet of ['base64', 'unpadded', 'base64url'] as const) {
      assert.equal((await submitAs(mintToken(target, claims, alphabet))).status, 200, alphabet);
    }
    // Some signature has a plus sign soon enough.
    let token = '';
    for (let issued = Date.now(); !token.includes('+'); issued -= 1)
      token = mintToken(target, { ...claims, issued_at: issued });
    const jobId = await new Caller(target, token).submitJob();
    const listed = await send(target.url, {
      path: `/jobs/${jobId}/artifacts?token=${token.replaceAll('+', ' ').replaceAll(' ', '%20')}`,
    });
    assert.equal(listed.status, 200, listed.text);
  });

  test('10. ?token= is ignored on /submit and GET /jobs/{id}, and works on an artifact GET', async () => {
    const path = `/submit?token=${target.apiKey}`;
    assertError(await submitWith({}, path), 401, 'Missing authorization token');
    const jobId = await new Caller(target).submitJob();
    assertError(
      await send(target.url, { path: `/jobs/${jobId}?token=${target.apiKey}` }),
      401,
      'Missing authorization token',
    );
    const artifact = await send(target.url, { path: `/jobs/${jobId}/artifacts/x?token=${target.apiKey}` });
    assertError(artifact, 404, 'Artifact not found', { detail: true });
  });

  const skip = target.hasNoKey === true && 'needs an API key with the scope admin';
  test('11. a kz_ key works; an unknown, malformed or revoked one is 401 Invalid API key', { skip }, async () => {
    const admin = new Caller(target);
    const made = await admin.send({ method: 'POST', path: '/keys', body: { name: 'conformance' } });
    assert.equal(made.status, 200, made.text);
    const key = String(made.json['api_key']);
    assert.equal((await submitAs(key)).status, 200);
    const { id } = made.json['key'] as { id: string };
    assert.equal((await admin.send({ method: 'DELETE', path: `/keys/${id}` })).status, 200);
    for (const bad of [key, 'kz_', 'kz_short', `kz_${'x'.repeat(40)}`])
      assertError(await submitAs(bad), 401, 'Invalid API key');
  });

  test('12. hints that differ are 403, user before tenant; equal ones pass; a user hint with a userless token is 403', async () => {
    const caller = new Caller(target, mintToken(target, { user_id: 'u', tenant_id: 't' }));
    assertError(await caller.submit({ user_id: 'x', tenant_id: 'x' }), 403, 'user_id mismatch');
    assertError(await caller.submit({ user_id: 'u', tenant_id: 'x' }), 403, 'tenant_id mismatch');
    const jobId = await caller.submitJob({ user_id: 'u', tenant_id: 't' });
    assert.equal((await caller.get(`/jobs/${jobId}?user_id=u&tenant_id=t`)).status, 200);
    assertError(await caller.get(`/jobs/${jobId}?user_id=x&tenant_id=x`), 403, 'user_id mismatch');
    assertError(await caller.get('/jobs/nope?tenant_id=x'), 403, 'tenant_id mismatch');
    const userless = new Caller(target, mintToken(target, { tenant_id: 't' }));
    assertError(await userless.submit({ user_id: 'u' }), 403, 'user_id mismatch');
    assert.equal((await userless.submit({ agent_type: 'echo', user_id: null })).status, 200);
  });

  test('13. a scoped token reaches its named sessions only; session_ids wins, an empty list is unscoped', async () => {
    const session = randomUUID();
    const scoped = new Caller(target, mintToken(target, { session_id: 'ignored', session_ids: [session, 'other'] }));
    assertError(await scoped.submit({}), 403, 'Session not authorized');
    assertError(await scoped.submit({ session_id: 'ignored' }), 403, 'Session not authorized');
    const jobId = await scoped.submitJob({ session_id: session });
    assertError(await scoped.get(`/jobs/${jobId}`), 403, 'Session not authorized');
    assertError(await scoped.get(`/jobs/${jobId}?session_id=foreign`), 403, 'Session not authorized');
    assertError(await scoped.get('/jobs'), 403, 'Session not authorized');
    assertError(await scoped.get(`/jobs/${jobId}?session_id=a%2Fb`), 400, 'Invalid session id');
    assertError(await scoped.get(`/jobs/${jobId}?session_id=other`), 403, 'Job session mismatch');
    await scoped.job(jobId, `?session_id=${session}`);
    const unscoped = new Caller(target, mintToken(target, { tenant_id: 't', session_ids: [] }));
    await unscoped.submitJob();
  });

  test('14. the same session id in two tenants is two sessions', async () => {
    const session = randomUUID();
    const [one, two] = ['a', 'b'].map(
      (tenant) => new Caller(target, mintToken(target, { tenant_id: tenant, user_id: tenant })),
    );
    assert.ok(one && two);
    await one.ended(await one.submitJob({ session_id: session }));
    await two.ended(await two.submitJob({ session_id: session }));
    for (const caller of [one, two]) {
      const { json } = await caller.get(`/jobs?session_id=${session}`);
      assert.equal((json['jobs'] as unknown[]).length, 1);
    }
  });

  test('a session_key names one session for its tenant and user, and may be bound anew', async () => {
    const key = randomUUID();
    const caller = new Caller(target, mintToken(target, { tenant_id: 't', user_id: 'u' }));
    const sessionOf = async (body: Readonly<Record<string, unknown>>) =>
      (await caller.job(await caller.submitJob(body)))['session_id'];
    const first = await sessionOf({ session_key: key });
    assert.equal(await sessionOf({ session_key: key }), first);
    assert.equal(await sessionOf({ session_key: key, session_id: 'bound' }), 'bound');
    assert.equal(await sessionOf({ session_key: key }), 'bound');
    const other = new Caller(target, mintToken(target, { tenant_id: 't', user_id: 'v' }));
    assert.notEqual((await other.job(await other.submitJob({ session_key: key })))['session_id'], 'bound');
  });
};
