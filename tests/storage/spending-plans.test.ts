import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, test } from 'node:test';
import pg from 'pg';
import { createTestDatabase } from '../support/database.ts';

const TENANTS = 20;
const CALLS = 100_000;
const JOB = '00000000-0000-4000-8000-000000000001';

const database = await createTestDatabase();
const client = new pg.Client({ connectionString: database.url });
// Its database goes before it does.
client.on('error', () => undefined);
await client.connect();
after(async () => await client.end());

/** Each tenant has calls of 50 days, 100 a day, and two accounts for each of its jobs. */
const STATEMENTS = [
  `insert into tenants (id) select 'tenant-' || i from generate_series(1, ${TENANTS}) i`,
  `insert into model_calls (job_id, ordinal, tenant_id, session_id, root_job, agent, provider, model, cost_micros, duration_ms, at)
   select ('00000000-0000-4000-8000-' || lpad((g / 10)::text, 12, '0'))::uuid, g % 10, 'tenant-' || 1 + g % ${TENANTS}, 'session-' || g / 100,
     '${JOB}', 'default', 'openai', 'gpt-5', g, 1, clock_timestamp() - (g / 2000) * interval '1 day'
   from generate_series(1, ${CALLS}) g`,
  `insert into job_budgets (job_id, tenant_id, session_id, parent_job, root_job, level)
   select ('00000000-0000-4000-8000-' || lpad(g::text, 12, '0'))::uuid, 'tenant-1', 'session-' || g,
     case when g between 2 and 5 then '${JOB}'::uuid end, '${JOB}', 'low' from generate_series(1, ${CALLS / 10}) g`,
  `insert into accounts (tenant_id, kind, id, spent_micros)
   select 'tenant-' || 1 + g % ${TENANTS}, k.kind, 'id-' || g, 1
   from generate_series(1, ${CALLS / 10}) g cross join (values ('session'), ('api_key')) k (kind)`,
  `insert into accounts (tenant_id, kind, id) select id, 'tenant', '' from tenants`,
  'vacuum analyze',
];
for (const sql of STATEMENTS) await client.query(sql);
// What a node lives with from the sixth call on, and the harder one of the two.
await client.query('set plan_cache_mode = force_generic_plan');

interface Plan {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly 'Index Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly Plans?: readonly Plan[];
}

const nodesOf = (plan: Plan): readonly Plan[] => [plan, ...(plan.Plans ?? []).flatMap(nodesOf)];

type Parameter = string | number | boolean | null | readonly string[];

/** Runs a statement of storage/, and gives the indexes that it used and the rows that it read from tables. */
const explain = async (name: string, parameters: readonly Parameter[]) => {
  const sql = readFileSync(new URL(`../../src/storage/${name}.sql`, import.meta.url), 'utf8');
  const prepared = `plan_${name.replaceAll(/\W/g, '_')}`;
  await client.query(`prepare ${prepared} as ${sql}`);
  const given = parameters.map((value) =>
    typeof value === 'object' && value !== null
      ? `array[${value.map((item) => client.escapeLiteral(item)).join()}]::text[]`
      : value === null
        ? 'null'
        : client.escapeLiteral(`${value}`),
  );
  const { rows } = await client.query<{ 'QUERY PLAN': readonly { readonly Plan: Plan }[] }>(
    `explain (analyze, format json) execute ${prepared} (${given.join()})`,
  );
  const nodes = rows.flatMap((row) => row['QUERY PLAN'].flatMap(({ Plan: plan }) => nodesOf(plan)));
  await client.query(`deallocate ${prepared}`);
  const isRead = (node: Plan): boolean => node['Relation Name'] !== undefined;
  const countRows = (node: Plan): number =>
    (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'];
  return {
    wholeTables: nodes.filter((node) => node['Node Type'] === 'Seq Scan').map((node) => node['Relation Name']),
    indexes: [...new Set(nodes.flatMap((node) => node['Index Name'] ?? []))].toSorted(),
    rowsRead: nodes.filter(isRead).reduce((sum, node) => sum + countRows(node), 0),
  };
};

const day = (back: number): string => new Date(Date.now() - back * 86_400_000).toISOString();
const all = { user: null, userless: false, sessions: null };
const report = (from: number, to: number | null, groups: readonly string[]): readonly Parameter[] => [
  'tenant-1',
  day(from),
  to === null ? null : day(to),
  all.user,
  all.userless,
  all.sessions,
  groups,
  'UTC',
  null,
  1_000,
];

const CASES: readonly (readonly [string, readonly Parameter[], readonly string[], number])[] = [
  ['usage/report', report(2.5, null, ['day']), ['model_calls_by_tenant'], 400],
  ['usage/report', report(40.5, 38.5, ['day', 'session']), ['model_calls_by_tenant'], 400],
  ['usage/list-job', [JOB, 3, 100], ['model_calls_pkey'], 20],
  ['usage/sum-job', [JOB], ['job_budgets_by_parent', 'model_calls_pkey'], 100],
  ['accounts/get', ['tenant-1', 'session', 'id-20'], ['accounts_pkey'], 1],
  ['accounts/list', ['tenant-1', ['session'], 'session', 'id-1', 20], ['accounts_pkey'], 700],
];

for (const [place, [name, parameters, indexes, most]] of CASES.entries()) {
  test(`${name} (case ${place + 1}) reads at most ${most} of ${CALLS} rows, by its index`, async () => {
    const found = await explain(name, parameters);
    assert.deepEqual(found.wholeTables, []);
    assert.deepEqual(found.indexes, indexes);
    assert.ok(found.rowsRead <= most, `read ${found.rowsRead}`);
  });
}
