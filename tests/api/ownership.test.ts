import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import type { Access, DeclaredRoute } from '../../src/http/access.ts';
import { startApi } from '../support/api.ts';
import { type Answer, bearer, send } from '../support/api-client.ts';
import { rowsOf } from '../support/rows.ts';

/**
 * Who reaches whose records, for every route that the router has. What is planted belongs to user "u" of tenant "a" and
 * says "canary" wherever it can; strangers lack one dimension each. A route without a rule here fails.
 */

/** Whose a record of the tenant is; no other user, or no other tenant, learns of it. */
const TENANT_RULES: Readonly<Record<string, 'user' | 'tenant'>> = {
  'GET /jobs': 'user',
  'GET /sessions': 'user',
  'GET /approvals': 'user',
  'GET /schedules': 'user',
  'POST /schedules/dispatch': 'tenant',
  'GET /usage': 'user',
  'GET /v1/agents': 'user',
  'POST /v1/agents': 'user',
  'GET /v1/messages/batches': 'user',
  'GET /v1/runs': 'user',
  'GET /agents': 'tenant',
  'GET /agents/:name': 'tenant',
  'GET /agents/:name/versions': 'tenant',
  'POST /agents': 'tenant',
  'DELETE /agents/:name': 'tenant',
  'GET /keys': 'tenant',
  'POST /keys': 'tenant',
  'DELETE /keys/:id': 'tenant',
  'GET /budgets': 'tenant',
  'GET /budgets/:kind': 'tenant',
  'GET /budgets/:kind/:id': 'tenant',
  'PUT /budgets/:kind': 'tenant',
  'PUT /budgets/:kind/:id': 'tenant',
  'GET /secrets': 'tenant',
  'PUT /secrets/:name': 'tenant',
  'DELETE /secrets/:name': 'tenant',
  'GET /mail/addresses': 'tenant',
  'PUT /mail/addresses': 'tenant',
  'GET /webhooks/endpoints': 'tenant',
  'POST /webhooks/endpoints': 'tenant',
  'GET /webhooks/endpoints/:id': 'tenant',
  'PATCH /webhooks/endpoints/:id': 'tenant',
  'DELETE /webhooks/endpoints/:id': 'tenant',
  'POST /webhooks/endpoints/:id/rotate-secret': 'tenant',
  'POST /webhooks/endpoints/:id/test': 'tenant',
  'GET /webhooks/deliveries': 'tenant',
  'GET /webhooks/deliveries/:id': 'tenant',
  'POST /webhooks/deliveries/:id/replay': 'tenant',
  'POST /webhooks/deliveries/replay-failed': 'tenant',
};

/** Routes whose session is not in the path: where it is named, or the file that tests them. */
const SOCKETS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].flatMap((method) =>
  ['/query_stream', '/ws', '/events'].map((url) => `${method} ${url}`),
);
const SESSION_RULES: Readonly<Record<string, string>> = {
  'POST /query': 'body',
  'POST /submit': 'body',
  'POST /schedules': 'tests/wire/jobs/suite-schedules.ts',
  ...Object.fromEntries(SOCKETS.map((name) => [name, 'tests/wire/jobs/suite-sockets.ts'] as const)),
};

const api = await startApi({ runsJobs: false, queryTimeoutMs: 200, rateLimits: { sessionToken: null, apiKey: null } });
const rows = rowsOf(api.databaseUrl);
const routes = api.server.declaredRoutes;
const nameOf = ({ method, url }: DeclaredRoute): string => `${method} ${url}`;
const recordOf = ({ access }: { readonly access: Access }): string =>
  access.who === 'public' ? 'none' : access.record;
const routesOf = (record: string): readonly DeclaredRoute[] => routes.filter((route) => recordOf(route) === record);

const SESSION = 'canary-session';
const SCHEDULE = { name: 'x', question: 'x', schedule_type: 'one_off', run_at: 4_000_000_000 };
const owner = api.token({ tenantId: 'a', userId: 'u' });
const admin = await api.key({ tenantId: 'a', userId: 'u', scopes: ['admin'] });
const foreignAdmin = await api.key({ tenantId: 'b', userId: 'u', scopes: ['admin'] });

/** A body that the route takes; nothing of it says "canary". */
const bodyOf = ({ method, url }: DeclaredRoute): { readonly body?: Readonly<Record<string, unknown>> } => {
  if (['GET', 'HEAD', 'DELETE'].includes(method)) return {};
  if (url.startsWith('/budgets')) return { body: { max_requests: 5 } };
  if (url.startsWith('/approvals')) return { body: { decision: 'allow' } };
  if (url.startsWith('/secrets')) return { body: { value: 'other' } };
  if (url === '/webhooks/endpoints') return { body: { url: 'https://other.invalid/' } };
  if (url.startsWith('/webhooks')) return { body: url.endsWith('replay-failed') ? { since: 0 } : {} };
  if (url.endsWith('/stop') || url.endsWith('/:scheduleId')) return { body: {} };
  if (url === '/schedules') return { body: SCHEDULE };
  if (url.endsWith('/backfill')) return { body: { start_at: 1, end_at: 2 } };
  if (url === '/mail/addresses') return { body: { user_id: 'u', addresses: ['other@example.org'] } };
  if (url.startsWith('/api/workers')) return { body: { input: 'x', senders: null } };
  if (method === 'PATCH') return { body: { position: 1 } };
  return { body: ['/keys', '/agents'].includes(url) ? { name: 'other' } : { question: 'x', agent_type: 'echo' } };
};

const ask = async (
  route: DeclaredRoute,
  credential: string,
  path: string,
  body = bodyOf(route).body,
): Promise<Answer> =>
  await send(api.url, {
    method: route.method,
    path,
    headers: { ...bearer(credential), accept: 'application/json' },
    ...(body ? { body } : {}),
  });

const submit = async (credential: string, parts: Readonly<Record<string, unknown>> = {}): Promise<string> => {
  const body = { question: 'canary', agent_type: 'echo', ...parts };
  const answer = await send(api.url, { method: 'POST', path: '/submit', headers: bearer(credential), body });
  assert.equal(answer.status, 200, answer.text);
  return String(answer.json['job_id']);
};

/** A request of a job, under the id of the job. */
const APPROVAL = `
  insert into approvals (id, tenant_id, session_num, session_id, user_id, job_id, ordinal, kind, tool, input, on_expiry, expires_at)
  select j.id, j.tenant_id, j.session_num, s.id, j.user_id, j.id, 1, 'tool', 'canary', '{}', 'deny', clock_timestamp() + interval '1 h'
  from jobs j join sessions s on s.num = j.session_num where j.id = $1`;

const jobId = await submit(owner, { session_id: SESSION });
// Answers repeat the id of the session that was asked for; this one's is only in a list.
await submit(owner, { session_id: 'listed-canary' });
await rows(APPROVAL, [jobId]);
await rows(
  `insert into model_calls (job_id, ordinal, tenant_id, session_id, user_id, root_job, agent, provider, model, cost_micros, duration_ms)
   values ($1, 1, 'a', $2, 'u', $1, 'canary', 'canary', 'canary', 1, 1)`,
  [jobId, SESSION],
);
const plant = async (method: string, path: string, body: Readonly<Record<string, unknown>>): Promise<Answer> => {
  const answer = await send(api.url, { method, path, headers: bearer(admin), body });
  assert.ok(answer.status < 300, answer.text);
  return answer;
};
await plant('POST', '/agents', { name: 'canary', description: 'canary' });
const keyId = ((await plant('POST', '/keys', { name: 'canary' })).json['key'] as { readonly id: string }).id;
await plant('PUT', '/secrets/canary', { value: 'a value that nothing shows' });
await plant('PUT', '/mail/addresses', { user_id: 'u', addresses: ['canary@example.org'] });
const planted = await plant('POST', '/webhooks/endpoints', { name: 'canary', url: 'https://canary.invalid/' });
const endpointId = (planted.json['endpoint'] as { readonly id: string }).id;
const tried = await plant('POST', `/webhooks/endpoints/${endpointId}/test`, {});
const deliveryId = (tried.json['delivery'] as { readonly id: string }).id;
// An amount that is nobody else's stands for the word.
await plant('PUT', '/budgets/tenant', { max_cost_usd: 43_219.5 });
await plant('PUT', `/budgets/session/${SESSION}`, { max_cost_usd: 43_219.5 });

const idOf = (url: string): string | undefined =>
  Object.entries({
    '/keys': keyId,
    '/budgets': SESSION,
    '/webhooks/endpoints': endpointId,
    '/webhooks/deliveries': deliveryId,
  }).find(([start]) => url.startsWith(start))?.[1];
const plantAs = async (path: string, body: Readonly<Record<string, unknown>>): Promise<string> => {
  const answer = await send(api.url, { method: 'POST', path, headers: bearer(owner), body });
  assert.equal(answer.status, 200, answer.text);
  return String(answer.json['id']);
};
const agentId = await plantAs('/v1/agents', { model: 'kazi/echo', name: 'canary' });
const batchId = await plantAs('/v1/messages/batches', { requests: [{ agent_id: agentId, input: 'canary' }] });
await rows(`update batches set callback_url = 'http://canary' where tenant_id = 'a'`);
const [item] = await rows<{ id: string }>(
  `update jobs set metadata = metadata || '{"a":"canary"}' where batch_num is not null and tenant_id = 'a' returning id`,
);

const pathOf = ({ url }: DeclaredRoute, id = jobId): string =>
  url
    .replace(':agentId', agentId)
    .replace(':batchId', batchId)
    .replace(':runId', `run-${item?.id}`)
    .replace(':jobId', id)
    .replace(':sessionId', SESSION)
    .replace(':promptId', id)
    .replace(':id', idOf(url) ?? id)
    .replace(':kind', url.endsWith(':kind') ? 'tenant' : 'session')
    .replace(':name', 'canary')
    .replace('*', 'file.txt') + (url === '/usage' ? '?group_by=model' : '');

const showsCanary = ({ text }: Answer): boolean =>
  /canary|43219\.5/.test(text.replaceAll(/canary-session|found no \\"canary\\"/g, ''));
/** All that tenant "a" has. */
const readTenant = async (): Promise<unknown> =>
  await rows(`
    select 'job' as kind, to_jsonb(j) as row from jobs j where tenant_id = 'a'
    union all select 'session', to_jsonb(s) from sessions s where tenant_id = 'a'
    union all select 'approval', to_jsonb(p) from approvals p where tenant_id = 'a'
    union all select 'agent', to_jsonb(g) from agents g where tenant_id = 'a'
    union all select 'version', to_jsonb(v) from agent_versions v where tenant_id = 'a'
    union all select 'key', to_jsonb(k) - 'last_used_at' from api_keys k where tenant_id = 'a'
    union all select 'secret', to_jsonb(x) from secrets x where tenant_id = 'a'
    union all select 'addresses', to_jsonb(m) from user_mail_addresses m where tenant_id = 'a'
    union all select 'endpoint', to_jsonb(e) from webhook_endpoints e where tenant_id = 'a'
    union all select 'delivery', to_jsonb(d) from webhook_deliveries d where tenant_id = 'a'
    union all select 'account', to_jsonb(c) from accounts c where tenant_id = 'a'
    order by 1, 2`);

/** Answers as expected, and tenant "a" is as it was. */
const assertRefused = async (answer: Answer, route: DeclaredRoute, [status, error]: readonly [number, string]) => {
  assert.equal(answer.status, status, answer.text);
  if (route.method !== 'HEAD') assert.equal(answer.json['error'], error);
};

test('every route that names a record has a rule', () => {
  assert.deepEqual(routesOf('tenant').map(nameOf).toSorted(), Object.keys(TENANT_RULES).toSorted());
  const elsewhere = routesOf('session').filter(({ url }) => !url.includes(':sessionId'));
  assert.deepEqual(elsewhere.map(nameOf).toSorted(), Object.keys(SESSION_RULES).toSorted());
  for (const route of routesOf('job')) assert.match(route.url, /:jobId|^\/approvals\/:id$/, nameOf(route));
});

describe('the job that a route names', () => {
  for (const route of routesOf('job')) {
    test(`is out of reach for strangers: ${nameOf(route)}`, async () => {
      const before = await readTenant();
      const path = pathOf(route);
      const strangers: readonly (readonly [string, string, readonly [number, string]])[] = [
        [api.token({ tenantId: 'b', userId: 'u' }), path, [403, 'Job tenant mismatch']],
        [api.token({ tenantId: 'b' }), path, [403, 'Job tenant mismatch']],
        [foreignAdmin, path, [403, 'Job tenant mismatch']],
        [api.token({ tenantId: 'a', userId: 'v' }), path, [403, 'Job user mismatch']],
        [api.token({ tenantId: 'b', userId: 'v' }), path, [403, 'Job user mismatch']],
        [api.token(), path, [403, 'Job user mismatch']],
        [owner, `${path}?session_id=another`, [403, 'Job session mismatch']],
        [api.token({ tenantId: 'a', userId: 'u', sessionIds: ['another'] }), path, [403, 'Session not authorized']],
        [
          api.token({ tenantId: 'a', userId: 'u', sessionIds: ['another'] }),
          `${path}?session_id=another`,
          [403, 'Job session mismatch'],
        ],
        [
          api.token({ tenantId: 'a', sessionIds: ['another'] }),
          `${path}?session_id=${SESSION}`,
          [403, 'Session not authorized'],
        ],
      ];
      for (const [credential, target, expected] of strangers) {
        await assertRefused(await ask(route, credential, target), route, expected);
      }
      assert.deepEqual(await readTenant(), before);
    });

    test(`is out of reach for a user when it has none: ${nameOf(route)}`, async () => {
      const userless = await submit(api.token({ tenantId: 'a' }));
      await rows(APPROVAL, [userless]);
      const error = 'Job status response missing user_id for ownership enforcement';
      await assertRefused(await ask(route, owner, pathOf(route, userless)), route, [502, error]);
    });
  }
});

describe('the schedule that a route names', () => {
  for (const route of routesOf('schedule')) {
    test(`is not found by strangers: ${nameOf(route)}`, async () => {
      const made = await plant('POST', '/schedules', { ...SCHEDULE, name: 'canary', question: 'canary' });
      const id = String(made.json['schedule_id']);
      const path = route.url.replace(':scheduleId', id);
      const read = async (): Promise<unknown> => await rows('select * from schedules where id = $1', [id]);
      const before = await read();
      const notFound = [404, 'Schedule not found'] as const;
      const strangers: readonly (readonly [string, string, readonly [number, string]])[] = [
        [api.token({ tenantId: 'b', userId: 'u' }), path, notFound],
        [api.token({ tenantId: 'b' }), path, notFound],
        [foreignAdmin, path, notFound],
        [api.token({ tenantId: 'a', userId: 'v' }), path, notFound],
        [api.token(), path, notFound],
        [api.token({ tenantId: 'a', userId: 'u', sessionIds: ['another'] }), path, [403, 'Session not authorized']],
        [api.token({ tenantId: 'a', userId: 'u', sessionIds: [SESSION] }), `${path}?session_id=${SESSION}`, notFound],
      ];
      for (const [credential, target, expected] of strangers) {
        await assertRefused(await ask(route, credential, target), route, expected);
      }
      assert.deepEqual(await read(), before);
      assert.equal((await ask(route, owner, path)).status, 200);
    });
  }
});

describe('the session that a path names', () => {
  for (const route of routesOf('session').filter(({ url }) => url.includes(':sessionId'))) {
    test(`is out of reach for strangers: ${nameOf(route)}`, async () => {
      const before = await readTenant();
      const path = pathOf(route);
      const strangers: readonly (readonly [string, readonly [number, string]])[] = [
        [api.token({ tenantId: 'a', userId: 'v' }), [403, 'Session user mismatch']],
        [api.token({ tenantId: 'a', userId: 'u', sessionIds: ['another'] }), [403, 'Session not authorized']],
        [api.token({ tenantId: 'a', sessionIds: ['another'] }), [403, 'Session not authorized']],
      ];
      for (const [credential, expected] of strangers) {
        await assertRefused(await ask(route, credential, path), route, expected);
      }
      // The same id in another tenant is another session.
      for (const credential of [foreignAdmin, api.token({ tenantId: 'b' }), api.token()]) {
        const answer = await ask(route, credential, path);
        assert.ok(answer.status < 500 && !showsCanary(answer), answer.text);
      }
      assert.deepEqual(await readTenant(), before);
    });

    test(`is out of reach for a user when it has none: ${nameOf(route)}`, async () => {
      const session = `userless-${randomUUID()}`;
      await submit(api.token({ tenantId: 'a' }), { session_id: session });
      const answer = await ask(route, owner, pathOf(route).replace(SESSION, session));
      await assertRefused(answer, route, [502, 'Session record missing user_id for ownership enforcement']);
    });
  }
});

describe('the worker that a path names', async () => {
  const made = await send(api.url, {
    method: 'POST',
    path: '/api/workers',
    headers: { ...bearer(owner), accept: 'application/json' },
    body: { input: 'canary' },
  });
  const worker = String(made.json['id']);

  for (const route of routesOf('worker').filter(({ url }) => url.includes(':workerId'))) {
    test(`is not there for strangers: ${nameOf(route)}`, async () => {
      const before = await readTenant();
      const path = pathOf(route).replace(':workerId', worker);
      const strangers = [
        api.token({ tenantId: 'a', userId: 'v' }),
        api.token({ tenantId: 'a', userId: 'u', sessionIds: ['another'] }),
        api.token({ tenantId: 'a', sessionIds: ['another'] }),
        api.token({ tenantId: 'b', userId: 'u' }),
        foreignAdmin,
        api.token(),
      ];
      for (const credential of strangers) {
        await assertRefused(await ask(route, credential, path), route, [404, 'not_found']);
      }
      assert.deepEqual(await readTenant(), before);
    });
  }
});

describe('the session that a body names', () => {
  for (const route of routesOf('session').filter((each) => SESSION_RULES[nameOf(each)] === 'body')) {
    test(`is out of reach for strangers: ${nameOf(route)}`, async () => {
      const before = await readTenant();
      const body = { ...bodyOf(route).body, session_id: SESSION };
      const strangers: readonly (readonly [string, Readonly<Record<string, unknown>>, string])[] = [
        [api.token({ tenantId: 'a', userId: 'v' }), body, 'Session user mismatch'],
        [api.token({ tenantId: 'a', userId: 'v' }), { ...body, fork_session: true }, 'Session user mismatch'],
        [api.token({ tenantId: 'a', userId: 'u', sessionIds: ['another'] }), body, 'Session not authorized'],
        [api.token({ tenantId: 'a', userId: 'u', sessionIds: [SESSION] }), { question: 'x' }, 'Session not authorized'],
        [owner, { ...body, user_id: 'v' }, 'user_id mismatch'],
        [owner, { ...body, tenant_id: 'b' }, 'tenant_id mismatch'],
      ];
      for (const [credential, fields, error] of strangers) {
        await assertRefused(await ask(route, credential, route.url, fields), route, [403, error]);
      }
      const answer = await ask(route, api.token({ tenantId: 'b', userId: 'u' }), route.url, {
        ...body,
        fork_session: true,
      });
      assert.ok([200, 503].includes(answer.status) && !showsCanary(answer), answer.text);
      assert.deepEqual(await readTenant(), before);
      const session = `userless-${randomUUID()}`;
      await submit(api.token({ tenantId: 'a' }), { session_id: session });
      const error = 'Session record missing user_id for ownership enforcement';
      await assertRefused(await ask(route, owner, route.url, { ...body, session_id: session }), route, [502, error]);
    });
  }
});

describe('what is hidden from whoever may not read it', () => {
  for (const route of routesOf('hidden').filter(({ url }) => url.includes(':'))) {
    test(`is not found by strangers: ${nameOf(route)}`, async () => {
      const before = await readTenant();
      for (const credential of [
        foreignAdmin,
        api.token({ tenantId: 'b', userId: 'u' }),
        api.token({ tenantId: 'a', userId: 'v' }),
        api.token({ tenantId: 'a', userId: 'u', sessionIds: ['another'] }),
        api.token(),
      ]) {
        const answer = await ask(route, credential, pathOf(route));
        assert.equal(answer.status, 404, answer.text);
        assert.match(String(answer.json['detail']), /not found/);
      }
      assert.deepEqual(await readTenant(), before);
    });
  }

  test('is out of reach for a user when it has none', async () => {
    const whole = bearer(api.token({ tenantId: 'a' }));
    const make = async (path: string, body: Readonly<Record<string, unknown>>): Promise<string> =>
      String((await send(api.url, { method: 'POST', path, headers: whole, body })).json['id']);
    const agent = await make('/v1/agents', { model: 'kazi/echo' });
    const batch = await make('/v1/messages/batches', { requests: [{ agent_id: agent, input: 'x' }] });
    const [run] = await rows<{ id: string }>(
      `select j.id from jobs j join batches b on b.num = j.batch_num where 'job-' || b.id = $1`,
      [batch],
    );
    for (const [path, name] of [
      [`/v1/agents/${agent}`, 'Agent'],
      [`/v1/messages/batches/${batch}`, 'Job'],
      [`/v1/runs/run-${run?.id}`, 'Run'],
    ] as const) {
      const answer = await send(api.url, { path, headers: bearer(owner) });
      const detail = `${name} record missing user_id for ownership enforcement`;
      assert.deepEqual([answer.status, answer.json], [502, { detail }]);
    }
  });
});

describe('what a tenant has', () => {
  for (const route of routesOf('tenant')) {
    const path = pathOf(route);

    test(`is out of reach for others: ${nameOf(route)}`, async () => {
      const credentials = [
        foreignAdmin,
        api.token({ tenantId: 'b', userId: 'u' }),
        api.token({ tenantId: 'b' }),
        api.token(),
      ];
      if (TENANT_RULES[nameOf(route)] === 'user') {
        credentials.push(
          api.token({ tenantId: 'a', userId: 'v' }),
          api.token({ tenantId: 'a', userId: 'u', sessionIds: ['another'] }),
          await api.key({ tenantId: 'a', userId: 'v' }),
        );
      }
      const before = await readTenant();
      for (const credential of credentials) {
        const answer = await ask(route, credential, path);
        // Whoever names a secret makes one of its own, and is answered with the name.
        const repeatsName = route.url.startsWith('/secrets/');
        assert.ok(answer.status < 500 && (repeatsName || !showsCanary(answer)), answer.text);
        if (credential !== foreignAdmin) continue;
        const isNamed =
          /:name|^\/keys\/:|^\/webhooks\/\w+\/:id/.test(route.url) && !repeatsName && route.method !== 'PUT';
        if (isNamed) assert.equal(answer.status, 404, answer.text);
      }
      const wide = await ask(route, foreignAdmin, `${path}${path.includes('?') ? '&' : '?'}tenant_id=a`);
      assert.equal(wide.status, 403, wide.text);
      assert.deepEqual(await readTenant(), before);
    });

    if (route.method !== 'GET') continue;
    test(`shows itself to its owner: ${nameOf(route)}`, async () => {
      assert.ok(
        showsCanary(await ask(route, admin, path)),
        `${path} shows nothing that was planted: the other test proves nothing`,
      );
    });
  }
});
