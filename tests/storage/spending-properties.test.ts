import assert from 'node:assert/strict';
import { randomInt, randomUUID } from 'node:crypto';
import { test } from 'node:test';
import pg from 'pg';
import { setAccountLimits } from '../../src/storage/accounts.ts';
import { closeBudgets, listOrphanBudgets } from '../../src/storage/budgets.ts';
import type { Database } from '../../src/storage/database.ts';
import { createTestDatabase } from '../support/database.ts';
import { makeNode, makeTenant, openDatabase } from '../support/factories.ts';
import type { Rows } from '../support/rows.ts';
import { Dice } from './dispatch-actors.ts';
import { findSpendingBreaches, handIn, type Payer, type Purse, runJobs } from './spending-actors.ts';

const TENANTS = 3;
const SESSIONS = 3;
const JOBS_OF_ACTOR = 90;
const TENANT_LIMIT = 2_500;
const SESSION_LIMIT = 1_000;
const KEY_LIMIT = 1_500;
const REQUEST_LIMIT = 25;

const makePayers = async (db: Database): Promise<Payer[]> => {
  const payers: Payer[] = [];
  for (let made = 0; made < TENANTS; made += 1) {
    const { tenantId, laneId } = await makeTenant(db);
    const apiKeyId = randomUUID();
    await setAccountLimits(db, { tenantId, kind: 'tenant', id: '' }, { maxCostMicros: TENANT_LIMIT });
    await setAccountLimits(db, { tenantId, kind: 'api_key', id: apiKeyId }, { maxCostMicros: KEY_LIMIT });
    const limits = { maxCostMicros: SESSION_LIMIT, maxRequests: REQUEST_LIMIT };
    await setAccountLimits(db, { tenantId, kind: 'session_default', id: '' }, limits);
    for (let place = 0; place < SESSIONS; place += 1) {
      payers.push({ tenantId, laneId, sessionId: randomUUID(), apiKeyId: place === 0 ? null : apiKeyId });
    }
  }
  return payers;
};

interface BudgetRow {
  readonly job_id: string;
  readonly parent_job: string | null;
  readonly tenant_id: string;
  readonly session_id: string;
  readonly api_key_id: string | null;
  readonly spent: number;
}

/** Accounts whose sums are not those of the actors, or that are over their limit by more than calls were over their hold. */
const findFaults = async (rows: Rows, purse: Purse): Promise<string[]> => {
  const budgets = await rows<BudgetRow>(
    'select job_id, parent_job, tenant_id, session_id, api_key_id, spent_micros::integer as spent from job_budgets',
  );
  const faults: string[] = [];
  const sums = new Map<string, { spent: number; overrun: number }>();
  const parents = new Map(budgets.map((budget) => [budget.job_id, budget.parent_job]));
  for (const budget of budgets) {
    const line = [budget.job_id];
    for (let next = parents.get(budget.job_id); next; next = parents.get(next)) line.push(next);
    const accounts = [`tenant:`, `session:${budget.session_id}`, `api_key:${budget.api_key_id}`];
    for (const key of [...line, ...accounts.map((account) => `${budget.tenant_id}/${account}`)]) {
      const { spent, overrun } = sums.get(key) ?? { spent: 0, overrun: 0 };
      const charged = purse.charged.get(budget.job_id) ?? 0;
      sums.set(key, { spent: spent + charged, overrun: overrun + (purse.overrun.get(budget.job_id) ?? 0) });
    }
  }
  const check = (key: string, found: number, limit: number): void => {
    const { spent, overrun } = sums.get(key) ?? { spent: 0, overrun: 0 };
    if (found !== spent) faults.push(`${key} has spent ${found}, expected ${spent}`);
    if (found > limit + overrun)
      faults.push(`${key} has spent ${found} of ${limit}, and calls were only ${overrun} over`);
  };
  for (const { job_id, spent } of budgets) check(job_id, spent, 400);
  const limits: Readonly<Record<string, number>> = { tenant: TENANT_LIMIT, session: SESSION_LIMIT, api_key: KEY_LIMIT };
  const accounts = await rows<{ tenant_id: string; kind: string; id: string; spent: number; requests: number }>(
    `select tenant_id, kind, id, spent_micros::integer as spent, requests from accounts where kind <> 'session_default'`,
  );
  for (const { tenant_id, kind, id, spent, requests } of accounts) {
    check(`${tenant_id}/${kind}:${id}`, spent, limits[kind] ?? 0);
    if (requests > REQUEST_LIMIT) faults.push(`${kind} ${id} took ${requests} requests`);
  }
  return faults;
};

test('no order of admissions, holds, calls, crashes and ends loses money, makes any, or passes a limit', async (t) => {
  const seed = Number(process.env['KAZI_TEST_SEED'] ?? randomInt(2 ** 31));
  const hint = `run again with KAZI_TEST_SEED=${seed}`;
  t.diagnostic(hint);
  const { url } = await createTestDatabase(t);
  const client = new pg.Client({ connectionString: url });
  // Its database goes before it does.
  client.on('error', () => undefined);
  await client.connect();
  t.after(async () => await client.end());
  const rows: Rows = async <Row>(sql: string) => (await client.query(sql)).rows as Row[];
  const db = openDatabase(url, 16);
  t.after(async () => await db.end());
  const purse: Purse = {
    db,
    nodeId: await makeNode(db),
    payers: await makePayers(db),
    charged: new Map(),
    overrun: new Map(),
    counts: { refused: 0, reached: 0, orphaned: 0, canceled: 0, spawned: 0, unknown: 0, dropped: 0 },
  };
  let dealt = 0;
  const dice = (): Dice => new Dice(seed + (dealt += 1) * 7919);
  let isOver = false;
  const breaches: string[] = [];
  const watcher = (async () => {
    while (!isOver) breaches.push(...(await findSpendingBreaches(rows)));
  })();
  const runners = [1, 2, 3].map(async () => await runJobs(purse, dice(), () => isOver));
  const givers = [1, 2, 3].map(async () => await handIn(purse, dice(), JOBS_OF_ACTOR));
  await Promise.all(givers).finally(() => {
    isOver = true;
  });
  await Promise.all(runners);
  await watcher;
  // A job that was dropped or spawned while the last runner looked.
  await runJobs(purse, dice(), () => true);

  t.diagnostic(JSON.stringify(purse.counts));
  assert.deepEqual(breaches.slice(0, 3), [], hint);
  const orphans = await listOrphanBudgets(db, { minAgeMs: 0, limit: 1_000 });
  assert.equal(orphans.length, purse.counts.orphaned, hint);
  await closeBudgets(db, orphans);
  assert.deepEqual(await findSpendingBreaches(rows), [], hint);
  assert.deepEqual(await findFaults(rows, purse), [], hint);
  assert.deepEqual(await rows('select * from accounts where held_micros <> 0'), [], hint);
  assert.deepEqual(await rows('select * from job_budgets where closed_at is null'), [], hint);
  for (const [name, count] of Object.entries(purse.counts))
    assert.ok(count > 0, `there was not one: ${name} (${hint})`);
});
