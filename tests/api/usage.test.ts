import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, describe, test } from 'node:test';
import pg from 'pg';
import { startApi } from '../support/api.ts';
import { bearer, send } from '../support/api-client.ts';
import { type PaidCall, paidRuntime } from '../support/paid-runtime.ts';
import { eventually } from '../support/signals.ts';

const api = await startApi({ runtimes: [paidRuntime] });
const client = new pg.Client({ connectionString: api.databaseUrl });
// Its database goes before it does.
client.on('error', () => undefined);
await client.connect();
after(async () => await client.end());

type Line = Readonly<Record<string, unknown>>;

/** Runs a job that pays the calls; gives its id once it has ended. */
const pay = async (credential: string, sessionId: string, calls: readonly PaidCall[]): Promise<string> => {
  const body = { question: JSON.stringify(calls), agent_type: 'default', session_id: sessionId };
  const made = await send(api.url, { method: 'POST', path: '/submit', headers: bearer(credential), body });
  assert.equal(made.status, 200, made.text);
  const id = String(made.json['job_id']);
  await eventually('the end of the job', async () => {
    const job = await send(api.url, { path: `/jobs/${id}?session_id=${sessionId}`, headers: bearer(credential) });
    return job.json['status'] === 'complete';
  });
  return id;
};

const report = async (
  credential: string,
  query = '',
): Promise<{ groups: Line[]; total: Line; next: string | null }> => {
  const answer = await send(api.url, { path: `/usage?${query}`, headers: bearer(credential) });
  assert.equal(answer.status, 200, answer.text);
  const { groups, total, next_cursor } = answer.json;
  return { groups: groups as Line[], total: total as Line, next: next_cursor as string | null };
};

/** A tenant of its own, with an admin's key. */
const makeTenant = async (): Promise<{ tenantId: string; admin: string }> => {
  const tenantId = `tenant-${randomUUID()}`;
  return { tenantId, admin: await api.key({ tenantId, scopes: ['user', 'admin'] }) };
};

const known = (cost: number, model = 'gpt-5'): PaidCall => ({ model, cost, tokens: 10 });
const unknown: PaidCall = { model: 'homemade', cost: null, tokens: null };

describe('GET /usage', () => {
  test('sums up calls, tokens and money to the micro-dollar, by day when nothing else is said', async () => {
    const { admin } = await makeTenant();
    await pay(admin, 's', [known(1), known(333_333), known(2)]);
    const { groups, total } = await report(admin);
    const today = new Date().toISOString().slice(0, 10);
    const sums = {
      calls: 3,
      input_tokens: 30,
      cache_read_tokens: 6,
      cache_write_tokens: 3,
      output_tokens: 60,
      reasoning_tokens: 9,
      cost_usd: 0.333336,
      cost_micros: 333_336,
      unknown_cost_calls: 0,
    };
    assert.deepEqual([groups, total], [[{ day: today, ...sums }], sums]);
  });

  test('groups by several things at once, in one order whatever the request says', async () => {
    const { tenantId, admin } = await makeTenant();
    await pay(admin, 'one', [known(5), known(7, 'gpt-5-mini')]);
    await pay(admin, 'two', [known(11)]);
    const { groups, total } = await report(admin, 'group_by=session,model,tenant');
    assert.deepEqual(
      groups.map(({ session, model, tenant, cost_micros }) => [model, session, tenant, cost_micros]),
      [
        ['openai/gpt-5', 'one', tenantId, 5],
        ['openai/gpt-5', 'two', tenantId, 11],
        ['openai/gpt-5-mini', 'one', tenantId, 7],
      ],
    );
    assert.equal(total['cost_micros'], 23);
    const [line] = (await report(admin, 'group_by=user,api_key,agent')).groups;
    assert.deepEqual([line?.['user'], line?.['agent'], typeof line?.['api_key']], ['admin', 'default', 'string']);
    const byJob = (await report(admin, 'group_by=job,root_job')).groups;
    assert.deepEqual(
      byJob.map(({ job, root_job }) => job === root_job),
      [true, true],
    );
  });

  test('never takes an unknown price for nothing', async () => {
    const { admin } = await makeTenant();
    await pay(admin, 's', [known(5), unknown]);
    const { groups, total } = await report(admin, 'group_by=model');
    const homemade = groups.find(({ model }) => model === 'openai/homemade');
    assert.deepEqual(
      [homemade?.['cost_usd'], homemade?.['cost_micros'], homemade?.['unknown_cost_calls'], homemade?.['input_tokens']],
      [null, null, 1, null],
    );
    assert.match(String(homemade?.['warning']), /price of 1 of 1 model calls is unknown; the cost is unknown/);
    assert.deepEqual([total['cost_micros'], total['unknown_cost_calls']], [5, 1]);
    assert.match(String(total['warning']), /price of 1 of 2 model calls is unknown; the cost leaves them out/);
  });

  test('shows a user its own calls, an admin and a tenant token those of the tenant, a session token those of its sessions', async () => {
    const { tenantId, admin } = await makeTenant();
    const ann = await api.key({ tenantId, userId: 'ann' });
    await pay(ann, 'of-ann', [known(1)]);
    await pay(await api.key({ tenantId, userId: 'bob' }), 'of-bob', [known(2)]);
    await pay(api.token({ tenantId, sessionIds: ['of-nobody'] }), 'of-nobody', [known(4)]);
    const costOf = async (credential: string): Promise<unknown> => (await report(credential)).total['cost_micros'];
    assert.equal(await costOf(ann), 1);
    assert.equal(await costOf(api.token({ tenantId, userId: 'bob' })), 2);
    assert.equal(await costOf(admin), 7);
    assert.equal(await costOf(api.token({ tenantId })), 7);
    assert.equal(await costOf(api.token({ tenantId, sessionIds: ['of-bob', 'of-nobody'] })), 6);
    assert.equal(await costOf(api.token({ tenantId, userId: 'ann', sessionIds: ['of-bob'] })), 0);
    assert.equal(await costOf((await makeTenant()).admin), 0);
  });

  test('takes the calls from one time on and before another, in the days of a time zone', async () => {
    const { tenantId, admin } = await makeTenant();
    const job = await pay(admin, 's', [known(1), known(2), known(4)]);
    for (const [ordinal, at] of [
      [1, '2026-03-01T23:30:00Z'],
      [2, '2026-03-02T00:00:00Z'],
      [3, '2026-03-03T00:00:00Z'],
    ]) {
      await client.query('update model_calls set at = $1 where tenant_id = $2 and job_id = $3 and ordinal = $4', [
        at,
        tenantId,
        job,
        ordinal,
      ]);
    }
    const costOf = async (query: string): Promise<unknown> => (await report(admin, query)).total['cost_micros'];
    assert.equal(await costOf('from=2026-03-02T00:00:00Z&to=2026-03-03T00:00:00Z'), 2);
    assert.equal(await costOf(`from=${Date.UTC(2026, 2, 1) / 1_000}&to=${Date.UTC(2026, 2, 3) / 1_000}`), 3);
    assert.equal(await costOf('from=2026-03-02T01:00:00%2B01:00&to=2026-03-04T00:00:00Z'), 6);
    const { groups } = await report(admin, 'from=2026-03-01T00:00:00Z&to=2026-03-04T00:00:00Z&tz=Europe/Berlin');
    assert.deepEqual(
      groups.map(({ day, cost_micros }) => [day, cost_micros]),
      [
        ['2026-03-02', 3],
        ['2026-03-03', 4],
      ],
    );
  });

  test('is read page by page, each group once, with the same totals on every page', async () => {
    const { admin } = await makeTenant();
    for (const place of [1, 2, 3, 4, 5]) await pay(admin, `paged-${place}`, [known(place)]);
    const sessions: unknown[] = [];
    let cursor = '';
    for (;;) {
      const page = await report(admin, `group_by=session&limit=2${cursor}`);
      assert.equal(page.total['cost_micros'], 15);
      sessions.push(...page.groups.map(({ session }) => session));
      if (page.next === null) break;
      cursor = `&cursor=${page.next}`;
    }
    assert.deepEqual(sessions, ['paged-1', 'paged-2', 'paged-3', 'paged-4', 'paged-5']);
    const other = await send(api.url, { path: `/usage?group_by=model${cursor}`, headers: bearer(admin) });
    assert.equal(other.status, 400);
  });

  test('is answered as CSV, in which names are no formulas', async () => {
    const { tenantId } = await makeTenant();
    const admin = await api.key({ tenantId, userId: '=cmd|"x",1', scopes: ['user', 'admin'] });
    await pay(admin, '-session', [known(1), unknown]);
    const query = 'format=csv&group_by=user,session&from=2026-01-01T00:00:00Z&to=2099-01-01T00:00:00Z';
    const answer = await send(api.url, { path: `/usage?${query}`, headers: bearer(admin) });
    assert.match(String(answer.headers['content-type']), /^text\/csv/);
    assert.equal(answer.headers['content-disposition'], 'attachment; filename="usage-2026-01-01-2099-01-01.csv"');
    assert.equal(
      answer.text,
      'user,session,calls,input_tokens,cache_read_tokens,cache_write_tokens,output_tokens,reasoning_tokens,cost_usd,cost_micros,unknown_cost_calls\r\n' +
        `"'=cmd|""x"",1",'-session,2,10,2,1,20,3,0.000001,1,1\r\n`,
    );
  });

  test('refuses values that it does not know, saying what was found, what was expected and what was likely meant', async () => {
    const cases: readonly (readonly [string, RegExp])[] = [
      ['group_by=day,modle', /group_by: found "modle", expected one of day, model, .*; did you mean "model"\?/],
      ['tz=Europe/Berln', /tz: found "Europe\/Berln", .*did you mean "Europe\/Berlin"\?/],
      ['tz=%2B01:00', /tz: found "\+01:00"/],
      ['format=cvs', /format: found "cvs", expected one of json, csv; did you mean "csv"\?/],
      ['from=yesterday', /from: found "yesterday", expected Unix seconds, or a time such as/],
      ['to=2026-13-01T00:00:00Z', /to: found "2026-13-01T00:00:00Z"/],
      ['from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z', /to: found 2026-01-01.*expected a time after from/],
      ['limit=0', /limit: found "0", expected a whole number from 1 to 10000/],
      ['cursor=x', /Invalid cursor: found "x"/],
    ];
    for (const [query, message] of cases) {
      const answer = await send(api.url, { path: `/usage?${query}`, headers: bearer(api.adminKey) });
      assert.deepEqual([query, answer.status], [query, 400]);
      assert.match(String(answer.json['error']), message);
    }
  });
});

describe('GET /jobs/{id}/usage', () => {
  test('lists the model calls of a job, page by page, and sums them up', async () => {
    const { admin } = await makeTenant();
    const id = await pay(admin, 's', [known(5), unknown, known(9)]);
    const path = `/jobs/${id}/usage`;
    const first = (await send(api.url, { path: `${path}?limit=2`, headers: bearer(admin) })).json;
    const calls = first['calls'] as Line[];
    const { created_at: createdAt, ...call } = calls[0] ?? {};
    assert.equal(typeof createdAt, 'number');
    assert.deepEqual(call, {
      ordinal: 1,
      model: 'openai/gpt-5',
      input_tokens: 10,
      cache_read_tokens: 2,
      cache_write_tokens: 1,
      output_tokens: 20,
      reasoning_tokens: 3,
      cost_usd: 0.000005,
      cost_micros: 5,
      duration_ms: 12,
    });
    assert.deepEqual([calls[1]?.['cost_usd'], calls[1]?.['input_tokens']], [null, null]);
    const cursor = String(first['next_cursor']);
    const second = (await send(api.url, { path: `${path}?limit=2&cursor=${cursor}`, headers: bearer(admin) })).json;
    assert.deepEqual(
      (second['calls'] as Line[]).map(({ ordinal }) => ordinal),
      [3],
    );
    assert.equal(second['next_cursor'], null);
    const total = second['total'] as Line;
    assert.deepEqual([total['calls'], total['cost_micros'], total['unknown_cost_calls']], [3, 14, 1]);
    assert.equal((second['tree'] as Line)['jobs'], 1);
  });

  test('sums up what the job spawned, at any depth, apart from its own', async () => {
    const { tenantId, admin } = await makeTenant();
    const jobs: string[] = [];
    for (const place of [1, 2, 3]) jobs.push(await pay(admin, `line-${place}`, [known(10 ** place)]));
    const link = 'update job_budgets set parent_job = $1 where job_id = $2 and tenant_id = $3';
    await client.query(link, [jobs[0], jobs[1], tenantId]);
    await client.query(link, [jobs[1], jobs[2], tenantId]);
    const usage = (await send(api.url, { path: `/jobs/${jobs[0]}/usage`, headers: bearer(admin) })).json;
    const [total, tree] = [usage['total'] as Line, usage['tree'] as Line];
    assert.deepEqual([total['cost_micros'], tree['cost_micros'], tree['jobs'], tree['calls']], [10, 1_110, 3, 3]);
    const child = (await send(api.url, { path: `/jobs/${jobs[1]}/usage`, headers: bearer(admin) })).json;
    assert.deepEqual([child['parent_job_id'], (child['tree'] as Line)['cost_micros']], [jobs[0], 1_100]);
  });

  test('of a job that called no model is empty, and of no job is 404', async () => {
    const { admin } = await makeTenant();
    const id = await pay(admin, 's', []);
    const usage = (await send(api.url, { path: `/jobs/${id}/usage`, headers: bearer(admin) })).json;
    assert.deepEqual([usage['calls'], (usage['total'] as Line)['cost_usd']], [[], 0]);
    assert.equal((await send(api.url, { path: `/jobs/${randomUUID()}/usage`, headers: bearer(admin) })).status, 404);
    assert.equal((await send(api.url, { path: '/jobs/nope/usage', headers: bearer(admin) })).status, 400);
  });
});
