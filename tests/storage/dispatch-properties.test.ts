import assert from 'node:assert/strict';
import { randomInt, randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import type { Database } from '../../src/storage/database.ts';
import { ensureLane, ensureTenant, setTenantLimit } from '../../src/storage/tenants.ts';
import { createTestDatabase } from '../support/database.ts';
import { acceptJob, openDatabase } from '../support/factories.ts';
import { allJobsEnded, type Rows } from '../support/rows.ts';
import { type Arena, cancelJobs, type Desk, Dice, FlakyNode, rescueRegularly, submitJobs } from './dispatch-actors.ts';
import { findQueueBreaches } from './invariants.ts';

const TENANTS = 4;
const SESSIONS_OF_TENANT = 12;
const JOBS_OF_SUBMITTER = 260;
const CAPPED_LANE_ROOM = 2;
const CAPS = [3, 4, 5, 6];

/** Tenants with caps of 3 to 6, each with two lanes, of which the first has a cap of 2. */
const makeDesks = async (db: Database, accepted: string[]): Promise<Desk[]> => {
  const desks: Desk[] = [];
  for (let place = 0; place < TENANTS; place += 1) {
    const tenantId = `tenant-${place}`;
    await ensureTenant(db, tenantId, null);
    await setTenantLimit(db, tenantId, CAPS[place] ?? null);
    const capped = await ensureLane(db, { tenantId, agent: 'capped', maxRunning: CAPPED_LANE_ROOM });
    const open = await ensureLane(db, { tenantId, agent: 'open', maxRunning: null });
    for (let made = 0; made < SESSIONS_OF_TENANT; made += 1) {
      // The lanes of a session's jobs are mixed.
      const sessionId = randomUUID();
      const first = await acceptJob(db, { tenantId, laneId: open, sessionId });
      accepted.push(first.id);
      for (const laneId of [capped, open]) desks.push({ tenantId, laneId, sessionId, sessionNum: first.sessionNum });
    }
  }
  return desks;
};

const OVER_CAP = `
  select t.id, t.max_running, count(*) as n from jobs j join tenants t on t.id = j.tenant_id
  where j.lease_id is not null group by t.id having count(*) > t.max_running
  union all
  select l.id::text, l.max_running, count(*) from jobs j join lanes l on l.id = j.lane_id
  where j.lease_id is not null group by l.id having count(*) > l.max_running`;

/** Looks at the caps all the time, and at everything else now and then, while the actors work. */
const watch = async (arena: Arena, rows: Rows, signal: AbortSignal): Promise<number> => {
  let looks = 0;
  for (; !signal.aborted; looks += 1) {
    const over = await rows(OVER_CAP);
    if (over.length > 0) arena.faults.push(`over the cap: ${JSON.stringify(over)}`);
    if (looks % 50 === 0) arena.faults.push(...(await findQueueBreaches(rows)));
    await delay(5);
  }
  return looks;
};

interface LogEntry {
  readonly session_num: string;
  readonly seq: string;
  readonly type: string;
  readonly job_id: string;
}

const LOG = 'select session_num, seq, type, job_id from events order by session_num, seq';
const PLACES = 'select id, row_number() over (partition by session_num order by order_at, pos) as place from jobs';

/** Reads the logs as a story: one job of a session at a time, in the order of their places, nothing after an end. */
const findDisorder = (log: readonly LogEntry[], places: ReadonlyMap<string, number>): string[] => {
  const faults: string[] = [];
  let session = '';
  let held = '';
  let lastPlace = 0;
  for (const { session_num, seq, type, job_id } of log) {
    if (session_num !== session) [session, held, lastPlace] = [session_num, '', 0];
    const place = places.get(job_id) ?? 0;
    const where = `${session_num}/${seq} ${type}`;
    if (type === 'job.started') {
      if (held !== '') faults.push(`${where}: started while another job was held`);
      if (place < lastPlace) faults.push(`${where}: place ${place} after ${lastPlace}`);
      [held, lastPlace] = [job_id, place];
    } else if (type !== 'job.submitted' && type !== 'job.canceled') {
      if (held !== job_id) faults.push(`${where}: written by a job that was not held`);
      if (type !== 'output.written') held = '';
    }
  }
  return faults;
};

test('no order of submissions, claims, pauses, cancels and rescues breaks a promise of the queue', async (t) => {
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
  const db = openDatabase(url, 24);
  t.after(async () => await db.end());
  const accepted: string[] = [];
  const arena: Arena = {
    db,
    desks: await makeDesks(db, accepted),
    leaseMs: 400,
    maxAttempts: 4,
    tenantCap: 50,
    accepted,
    ends: new Map(),
    counts: { pauses: 0, fenced: 0, repeated: 0, released: 0, canceled: 0, replays: 0 },
    faults: [],
  };
  const stop = new AbortController();
  const noCancels = new AbortController();
  let dealt = 0;
  const dice = (): Dice => new Dice(seed + (dealt += 1) * 7919);
  const actors = [
    ...[1, 2, 3].map(async () => await new FlakyNode(arena, dice()).work(stop.signal)),
    ...[1, 2].map(async () => await rescueRegularly(arena, dice(), stop.signal)),
    cancelJobs(arena, dice(), noCancels.signal),
  ];
  const watcher = watch(arena, rows, stop.signal);
  await Promise.all([1, 2, 3, 4].map(async () => await submitJobs(arena, dice(), JOBS_OF_SUBMITTER)));
  noCancels.abort();
  const jobs = await allJobsEnded(rows, 40_000);
  stop.abort();
  await Promise.all(actors);
  const looks = await watcher;

  t.diagnostic(`${jobs} jobs, ${looks} looks at the caps, ${JSON.stringify(arena.counts)}`);
  assert.deepEqual(arena.faults, [], hint);
  assert.deepEqual(await findQueueBreaches(rows), [], hint);
  const placed = await rows<{ id: string; place: string }>(PLACES);
  const places = new Map(placed.map((row) => [row.id, Number(row.place)]));
  assert.deepEqual(findDisorder(await rows<LogEntry>(LOG), places), [], hint);
  assert.equal(jobs, arena.accepted.length, hint);
  assert.deepEqual(
    [...arena.ends].filter(([, count]) => count !== 1),
    [],
    hint,
  );
  for (const [name, count] of Object.entries(arena.counts))
    assert.ok(count > 0, `there was not one of: ${name} (${hint})`);
});
