import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { claimDue } from '../../src/actions/claim-due.ts';
import { fireInOrder } from '../../src/actions/fire-in-order.ts';
import { DEFAULT_POLICY } from '../../src/core/schedule/default-policy.ts';
import { openRule } from '../../src/core/schedule/next-due.ts';
import { duesBetween } from '../../src/core/schedule/preview.ts';
import { RuleBook } from '../../src/core/schedule/rule-book.ts';
import type { ScheduleRule } from '../../src/core/schedule/schedule.ts';
import { finishRuns, type PendingRun, takeOverRuns } from '../../src/storage/schedule-runs.ts';
import { createSchedule } from '../../src/storage/schedules.ts';
import { startApi, type TestApi } from '../support/api.ts';
import { ADMIN } from '../support/node.ts';
import { rowsOf } from '../support/rows.ts';
import { eventually } from '../support/signals.ts';

const SCHEDULES = 200;
const DAY_MS = 86_400_000;
const START = Date.parse('2027-01-01T00:00:00Z');
const END = START + 365 * DAY_MS;
/** Real time, while the year goes by in seconds: what a dead node left is found some days later. */
const LEASE_MS = 1_000;
const ZONES = ['UTC', 'Europe/Berlin', 'America/New_York', 'Australia/Lord_Howe', 'Asia/Beirut', 'America/Santiago'];
const CRONS = [
  '0 9 * * MON',
  '30 2 1,15 * *',
  '0 0 L * *',
  '15 1 * * SUN#1',
  '30 2 * 3,10 SUN',
  '@monthly',
  '45 23 * * FRI',
];

type Clock = { nowMs: number };

/** What a node does when its time has come, with every place at which it may die. */
class SimulatedNode {
  readonly #api: TestApi;
  readonly #rules = new RuleBook();
  readonly #diesAt: (place: string) => boolean;

  constructor(api: TestApi, diesAt: (place: string) => boolean) {
    this.#api = api;
    this.#diesAt = diesAt;
  }

  async look(clock: Clock): Promise<void> {
    const { context } = this.#api;
    for (;;) {
      const { scanned, runs } = await claimDue(context.db, {
        now: new Date(clock.nowMs),
        tenantId: null,
        limit: 50,
        leaseMs: LEASE_MS,
        rules: this.#rules,
      });
      await this.#fire(runs);
      if (scanned < 50) break;
    }
    for (;;) {
      const taken = await takeOverRuns(context.db, 50, LEASE_MS);
      if (taken.length === 0) break;
      await this.#fire(taken);
    }
  }

  async #fire(runs: readonly PendingRun[]): Promise<void> {
    if (runs.length === 0 || this.#diesAt('after the claim')) return;
    const made = this.#diesAt('between two jobs') ? runs.slice(0, Math.ceil(runs.length / 2)) : runs;
    const ends = await fireInOrder(this.#api.context, made, 60_000);
    if (this.#diesAt('before the ends are written')) return;
    await finishRuns(this.#api.context.db, ends);
  }
}

/** Numbers from 0 to 1, the same ones at every run (mulberry32). */
const seededRandom = (seed: number): (() => number) => {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
};

/** The schedules, which wait for their first due time of the year. */
const makeYear = async ({ context }: TestApi, next: () => number): Promise<ReadonlyMap<string, ScheduleRule>> => {
  const rules = new Map<string, ScheduleRule>();
  await context.directory.ensureOwner(ADMIN.tenantId, ADMIN.userId);
  await context.db.transaction(async (tx) => {
    for (let number = 0; number < SCHEDULES; number += 1) {
      const id = randomUUID();
      const fromMs = START + Math.floor(next() * 20 * DAY_MS);
      const cron = CRONS[number % CRONS.length] ?? '';
      const zone = ZONES[number % ZONES.length] ?? '';
      const isInterval = number % 5 === 0;
      const periodSeconds = isInterval ? 86_400 * 30 + number : null;
      const rule: ScheduleRule = isInterval
        ? { kind: 'interval', fromMs, everyMs: (periodSeconds ?? 0) * 1_000 }
        : { kind: 'cron', cron, zone };
      rules.set(id, rule);
      const first = openRule(rule).nextAfter(START - 1) ?? 0;
      await createSchedule(tx, {
        id,
        owner: { tenantId: ADMIN.tenantId, userId: ADMIN.userId, isAnonymous: false, apiKeyId: null },
        sessionId: `sched_${id}`,
        sessionMode: 'same',
        terms: {
          ...{
            name: 'year',
            question: 'work',
            agent: 'echo',
            enabled: true,
            webhook: null,
            metadata: null,
            budget: null,
          },
          kind: rule.kind === 'interval' ? 'interval' : 'cron',
          runAt: isInterval ? new Date(fromMs) : null,
          cron: isInterval ? null : cron,
          timezone: zone,
          periodSeconds,
          policy: { ...DEFAULT_POLICY, overlap: 'queue_all', catchUp: 'all' },
        },
        next: { dueMs: first, fireMs: first },
        requestHash: '0',
      });
    }
  });
  return rules;
};

test('a year of 200 schedules, on nodes that die at every place, gives each due time exactly one job', async (t) => {
  const api = await startApi({ runsJobs: false }, t);
  const rows = rowsOf(api.databaseUrl);
  const next = seededRandom(7);
  const rules = await makeYear(api, next);
  const clock: Clock = { nowMs: START };
  const nodes = [0, 1].map(() => new SimulatedNode(api, () => next() < 0.1));
  while (clock.nowMs < END) {
    // Most steps are a day; now and then everything is down for longer.
    clock.nowMs = Math.min(END, clock.nowMs + Math.ceil((next() < 0.05 ? 20 : 3) * DAY_MS * next()));
    await Promise.all(nodes.map(async (node) => await node.look(clock)));
  }
  const survivor = new SimulatedNode(api, () => false);
  await eventually('nothing to be pending', async () => {
    await survivor.look(clock);
    return (await rows(`select from schedule_runs where outcome = 'pending' limit 1`)).length === 0;
  });

  const found = await rows<{ id: string; dues: Date[]; jobs: string }>(
    `select r.schedule_id as id, array_agg(r.due_at order by r.due_at) as dues, count(j.id) as jobs
     from schedule_runs r left join jobs j on j.id = r.id where r.outcome = 'fired' group by 1`,
  );
  const bySchedule = new Map(found.map((row) => [row.id, row]));
  let dues = 0;
  for (const [id, rule] of rules) {
    const expected = duesBetween(openRule(rule), { fromMs: START, toMs: END }, 10_000);
    const row = bySchedule.get(id);
    assert.deepEqual(
      row?.dues.map((due) => due.getTime()),
      expected,
      JSON.stringify(rule),
    );
    assert.equal(Number(row?.jobs), expected.length);
    dues += expected.length;
  }
  const [all] = await rows<{ jobs: string; runs: string }>(
    'select (select count(*) from jobs) as jobs, (select count(*) from schedule_runs) as runs',
  );
  assert.deepEqual([Number(all?.jobs), Number(all?.runs)], [dues, dues]);
  assert.ok(dues > 2_000);
});
