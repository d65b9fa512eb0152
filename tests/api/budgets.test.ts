import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import { getJobBudget } from '../../src/storage/budgets.ts';
import { startApi } from '../support/api.ts';
import { type Answer, bearer, send } from '../support/api-client.ts';
import { assertValid } from '../wire/jobs/target.ts';

const api = await startApi({ runsJobs: false });

type View = Readonly<Record<string, unknown>>;

const makeTenant = async (): Promise<{ tenantId: string; admin: string }> => {
  const tenantId = `tenant-${randomUUID()}`;
  return { tenantId, admin: await api.key({ tenantId, scopes: ['user', 'admin'] }) };
};

const submit = async (credential: string, sessionId: string, question = 'x'.repeat(1_000)): Promise<Answer> => {
  const body = { question, agent_type: 'default', session_id: sessionId };
  return await send(api.url, { method: 'POST', path: '/submit', headers: bearer(credential), body });
};

const put = async (credential: string, path: string, body: View | string): Promise<Answer> =>
  await send(api.url, { method: 'PUT', path: `/budgets/${path}`, headers: bearer(credential), body });

const set = async (credential: string, path: string, body: View): Promise<View> => {
  const answer = await put(credential, path, body);
  assert.equal(answer.status, 200, answer.text);
  return answer.json['budget'] as View;
};

const get = async (credential: string, path: string): Promise<View> => {
  const answer = await send(api.url, { path: `/budgets/${path}`, headers: bearer(credential) });
  assert.equal(answer.status, 200, answer.text);
  return answer.json['budget'] as View;
};

const ownKeyId = async (admin: string): Promise<string> => {
  const { json } = await send(api.url, { path: '/keys', headers: bearer(admin) });
  return (json['keys'] as { id: string }[])[0]?.id ?? '';
};

describe('a session that has reached a limit', () => {
  test('is refused its next request with the words of the contract, and goes on once the limit is raised', async () => {
    const { admin } = await makeTenant();
    await set(admin, 'session/s', { max_requests: 2 });
    for (let made = 0; made < 2; made += 1) assert.equal((await submit(admin, 's')).status, 200);
    const refused = await submit(admin, 's');
    assert.equal(refused.status, 429);
    assertValid('BudgetErrorResponse', refused.json);
    assert.deepEqual(refused.json, {
      ok: false,
      error: 'Session request budget exceeded (2)',
      code: 'request_budget_exceeded',
      details: {
        request_count: 2,
        max_requests: 2,
        estimated_cost_usd: 0.004,
        max_estimated_cost_usd: 2,
        requested_increment: 1,
      },
    });
    await set(admin, 'session/s', { max_requests: 3 });
    assert.equal((await submit(admin, 's')).status, 200);
    assert.equal((await submit(admin, 's')).status, 429);
    assert.equal((await submit(admin, 'another')).status, 200);
  });

  test('50. is refused in the same words by /query and the prompt queue, before it is busy', async () => {
    const { admin } = await makeTenant();
    await set(admin, 'session/s', { max_requests: 1 });
    assert.equal((await submit(admin, 's')).status, 200);
    const error = 'Session request budget exceeded (1)';
    const ask = { method: 'POST', headers: bearer(admin) } as const;
    const input = { question: 'x', agent_type: 'default' };
    const query = await send(api.url, { ...ask, path: '/query', body: { ...input, session_id: 's' } });
    assert.deepEqual([query.status, query.json['error'], query.json['code']], [429, error, 'request_budget_exceeded']);
    assertValid('BudgetErrorResponse', query.json);
    const prompt = await send(api.url, { ...ask, path: '/session/s/queue', body: input });
    assert.deepEqual(
      [prompt.status, prompt.json['error'], prompt.json['queued'], prompt.json['session_id']],
      [429, error, false, 's'],
    );
    assertValid('QueueAddErrorResponse', prompt.json);
  });

  test('is refused for its cost, with what it has charged and held', async () => {
    const { admin } = await makeTenant();
    await set(admin, 'session/s', { max_cost_usd: 0.005 });
    for (let made = 0; made < 2; made += 1) assert.equal((await submit(admin, 's')).status, 200);
    const refused = await submit(admin, 's');
    assert.equal(refused.status, 429);
    assertValid('BudgetErrorResponse', refused.json);
    assert.deepEqual(refused.json, {
      ok: false,
      error: 'Session estimated cost budget exceeded (0.005 USD)',
      code: 'cost_budget_exceeded',
      details: {
        request_count: 2,
        max_requests: 200,
        estimated_cost_usd: 0.004,
        max_estimated_cost_usd: 0.005,
        estimated_cost_increment_usd: 0.002,
      },
    });
    assert.equal((await submit(admin, 's', 'y'.repeat(500))).status, 200);
    await set(admin, 'session/s', { max_cost_usd: 'unlimited' });
    assert.equal((await submit(admin, 's')).status, 200);
  });

  test('is answered with numbers also where its other limit was taken away', async () => {
    const { admin } = await makeTenant();
    await set(admin, 'session/s', { max_requests: 0, max_cost_usd: 'unlimited' });
    const refused = await submit(admin, 's');
    assertValid('BudgetErrorResponse', refused.json);
    assert.equal((refused.json['details'] as View)['max_estimated_cost_usd'], 1_000_000);
  });

  test('gets its request back when the job that waits is canceled', async () => {
    const { admin } = await makeTenant();
    await set(admin, 'session/s', { max_requests: 1 });
    const made = await submit(admin, 's');
    assert.equal((await submit(admin, 's')).status, 429);
    await send(api.url, { method: 'DELETE', path: `/jobs/${String(made.json['job_id'])}`, headers: bearer(admin) });
    assert.equal((await submit(admin, 's')).status, 200);
  });
});

test('the limit of a tenant, and of an API key, refuse new work of every session', async () => {
  const { tenantId, admin } = await makeTenant();
  await set(admin, `api_key/${await ownKeyId(admin)}`, { max_cost_usd: 0.001 });
  const byKey = await submit(admin, 's');
  assert.deepEqual([byKey.status, byKey.text], [429, '{"ok":false,"error":"API key spend limit reached (0.001 USD)"}']);
  assertValid('ErrorResponse', byKey.json);
  const other = await api.key({ tenantId });
  assert.equal((await submit(other, 's')).status, 200);
  await set(admin, 'tenant', { max_cost_usd: 0.003 });
  const byTenant = await submit(other, 'fresh');
  assert.deepEqual([byTenant.status, byTenant.text], [429, '{"ok":false,"error":"Tenant spend limit reached"}']);
});

test('work that can spend nothing is under no limit', async () => {
  const { admin } = await makeTenant();
  await set(admin, 'session_default', { max_requests: 0, max_cost_usd: 0 });
  const body = { question: 'x', agent_type: 'echo', session_id: 's' };
  const answer = await send(api.url, { method: 'POST', path: '/submit', headers: bearer(admin), body });
  assert.equal(answer.status, 200);
  assert.equal((await submit(admin, 's')).status, 429);
});

describe('/budgets', () => {
  test('shows limits, the default in force and what was used', async () => {
    const { admin } = await makeTenant();
    await submit(admin, 's');
    const session = { kind: 'session', id: 's', max_cost_usd: null, max_requests: null, spent_usd: 0, held_usd: 0.002 };
    assert.deepEqual(await get(admin, 'session/s'), {
      ...session,
      requests: 1,
      default_max_cost_usd: 2,
      default_max_requests: 200,
    });
    assert.deepEqual(await set(admin, 'session_default', { max_cost_usd: 0.5 }), {
      kind: 'session_default',
      id: null,
      max_cost_usd: 0.5,
      default_max_cost_usd: 2,
      max_requests: null,
      default_max_requests: 200,
    });
    assert.equal((await get(admin, 'session/s'))['default_max_cost_usd'], 0.5);
    assert.deepEqual(await get(admin, 'tenant'), {
      kind: 'tenant',
      id: null,
      max_cost_usd: null,
      default_max_cost_usd: 'unlimited',
      max_requests: null,
      default_max_requests: null,
      spent_usd: 0,
      held_usd: 0.002,
    });
  });

  test('changes the limits that are named, and gives one back to the default for null', async () => {
    const { admin } = await makeTenant();
    await set(admin, 'session/s', { max_cost_usd: 0.000_001, max_requests: 'unlimited' });
    const changed = await set(admin, 'session/s', { max_cost_usd: 1_000_000 });
    assert.deepEqual([changed['max_cost_usd'], changed['max_requests']], [1_000_000, 'unlimited']);
    const reset = await set(admin, 'session/s', { max_requests: null });
    assert.deepEqual([reset['max_cost_usd'], reset['max_requests']], [1_000_000, null]);
  });

  test('are listed page by page, first the tenant and its default, and only its own', async () => {
    const { admin } = await makeTenant();
    const stranger = await makeTenant();
    await set(stranger.admin, 'session/foreign', { max_requests: 1 });
    const keyId = await ownKeyId(admin);
    await set(admin, `api_key/${keyId}`, { max_cost_usd: 1 });
    for (const id of ['b', 'a']) await set(admin, `session/${id}`, { max_requests: 1 });
    // It exists, and has neither a limit nor used anything.
    await set(admin, 'session/c', { max_requests: null });
    const all = ['tenant:null', 'session_default:null', `api_key:${keyId}`, 'session:a', 'session:b'];
    for (const limit of [1, 2, 3, 100]) {
      const found: string[] = [];
      for (let cursor = ''; ; ) {
        const answer = await send(api.url, { path: `/budgets?limit=${limit}${cursor}`, headers: bearer(admin) });
        found.push(...(answer.json['budgets'] as View[]).map(({ kind, id }) => `${String(kind)}:${String(id)}`));
        const next = answer.json['next_cursor'];
        if (typeof next !== 'string') break;
        cursor = `&cursor=${next}`;
      }
      assert.deepEqual(found, all, `pages of ${limit}`);
    }
    const sessions = await send(api.url, { path: '/budgets?kind=session', headers: bearer(admin) });
    assert.deepEqual(
      (sessions.json['budgets'] as View[]).map(({ id }) => id),
      ['a', 'b'],
    );
  });

  test('of an API key are there for keys of the tenant alone', async () => {
    const { admin } = await makeTenant();
    const foreign = await ownKeyId((await makeTenant()).admin);
    for (const id of [foreign, randomUUID(), 'nope', '%00']) {
      const answers = [
        await put(admin, `api_key/${id}`, { max_cost_usd: 1 }),
        await send(api.url, { path: `/budgets/api_key/${id}`, headers: bearer(admin) }),
      ];
      for (const answer of answers) {
        assert.deepEqual([answer.status, answer.text], [404, '{"ok":false,"error":"API key not found"}']);
      }
    }
  });

  test('refuse bodies and paths that they do not know, saying what was found and what was expected', async () => {
    const cases: readonly (readonly [string, View | string, RegExp])[] = [
      ['tenant', {}, /at least one of max_cost_usd, max_requests/],
      ['tenant', '{', /Invalid JSON/],
      ['tenant', { max_cost: 1 }, /found the unknown field "max_cost", expected one of max_cost_usd, max_requests/],
      ['tenant', { max_cost_usd: -1 }, /max_cost_usd: found -1, expected/],
      ['tenant', { max_cost_usd: 0.000_000_1 }, /max_cost_usd: found 1e-7, expected/],
      ['tenant', { max_cost_usd: 1_000_000.5 }, /max_cost_usd: found 1000000.5, expected/],
      ['tenant', { max_cost_usd: 'none' }, /max_cost_usd: found "none", expected/],
      ['tenant', { max_requests: 1 }, /found max_requests for the kind "tenant"/],
      ['session/s', { max_requests: 1.5 }, /max_requests: found 1.5, expected/],
      ['tenant/x', { max_cost_usd: 1 }, /found "\/budgets\/tenant\/x", expected \/budgets\/tenant/],
      ['session', { max_cost_usd: 1 }, /expected \/budgets\/session\/ID/],
      ['sesion/s', { max_cost_usd: 1 }, /found "sesion", .*did you mean "session"\?/],
      ['session/a%20b', { max_cost_usd: 1 }, /Invalid session id/],
    ];
    for (const [path, body, message] of cases) {
      const answer = await put(api.adminKey, path, body);
      assert.deepEqual([path, answer.status], [path, 400], answer.text);
      assert.match(String(answer.json['error']), message);
    }
    const listed = await send(api.url, { path: '/budgets?kind=user', headers: bearer(api.adminKey) });
    assert.equal(listed.status, 400);
  });
});

describe('the budget of one job', () => {
  test('is a level that the request names, and no other word', async () => {
    const { admin } = await makeTenant();
    const hand = async (budget: unknown): Promise<Answer> =>
      await send(api.url, {
        method: 'POST',
        path: '/submit',
        headers: bearer(admin),
        body: { question: 'go', agent_type: 'default', budget },
      });
    const accepted = await hand('low');
    assert.equal(accepted.status, 200);
    const limits = await getJobBudget(api.context.db, String(accepted.json['job_id']));
    assert.deepEqual(limits?.limits, {
      level: 'low',
      maxModelCalls: 5,
      maxCostMicros: 50_000,
      maxRunMs: 120_000,
      maxSteps: null,
    });
    const refused = await hand('lavish');
    assert.deepEqual([refused.status, refused.json['error']], [400, 'Invalid job submission body']);
  });
});
