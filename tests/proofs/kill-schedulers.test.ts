import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createTestDatabase } from '../support/database.ts';
import { makeDataDir } from '../support/node.ts';
import { allJobsEnded, rowsOf } from '../support/rows.ts';
import { countJobs } from '../support/schedules.ts';
import { ServerProcess } from '../support/server-process.ts';
import { eventually } from '../support/signals.ts';

const KILLS = 3;
const ONCE = 200;
const SPREAD_MS = 6_000;
const BEHIND = 6;

/** Schedules of one time, spread over the next seconds. */
const MAKE_ONCE = `
  insert into schedules (id, tenant_id, is_anonymous, session_id, name, question, agent, kind, run_at, timezone, enabled, overlap,
    catch_up, next_due_at, next_fire_at)
  select gen_random_uuid(), 'default', false, 'once-' || n, 'once', 'x', 'echo', 'one_off', at, 'UTC', true, 'queue_one', 'one', at, at
  from generate_series(1, $1::integer) n,
    lateral (select date_trunc('milliseconds', clock_timestamp()) + n * $2::float8 / $1 * interval '1 ms' as at) due`;
/** Schedules by the minute that are an hour behind, and are to catch up with all of it. */
const MAKE_BEHIND = `
  insert into schedules (id, tenant_id, is_anonymous, session_id, name, question, agent, kind, cron, timezone, enabled, overlap,
    catch_up, next_due_at, next_fire_at)
  select gen_random_uuid(), 'default', false, 'behind-' || n, 'behind', 'x', 'echo', 'cron', '* * * * *', 'UTC', true, 'queue_all',
    'all', at, at
  from generate_series(1, $1::integer) n,
    lateral (select date_trunc('minute', clock_timestamp()) - interval '1 h' as at) due`;

test('two nodes that are killed again and again give every due time exactly one job', async (t) => {
  const { url: databaseUrl } = await createTestDatabase(t);
  const settings = {
    DATABASE_URL: databaseUrl,
    KAZI_DATA_DIR: await makeDataDir(t),
    KAZI_LEASE_MS: '1000',
    KAZI_MAX_ATTEMPTS: '100',
  };
  const rows = rowsOf(databaseUrl);
  const nodes = await Promise.all([ServerProcess.start(settings), ServerProcess.start(settings)]);
  try {
    await rows(MAKE_ONCE, [ONCE, SPREAD_MS]);
    for (let number = 0; number < KILLS; number += 1) {
      // Due times that are all there at once make it likely that the blow falls between a claim and its jobs.
      await rows(MAKE_BEHIND, [BEHIND]);
      await delay(200 + Math.random() * 600);
      const place = number % 2 === 0 ? 0 : 1;
      nodes[place].signal('SIGKILL');
      await nodes[place].exited;
      nodes[place] = await ServerProcess.start(settings);
    }
    await eventually(
      'every due time to have been used',
      async () => {
        const [open] = await rows<{ count: string }>(
          `select (select count(*) from schedules where next_fire_at <= clock_timestamp() or (kind = 'one_off' and enabled))
            + (select count(*) from schedule_runs where outcome = 'pending') as count`,
        );
        return open?.count === '0';
      },
      60_000,
    );
    await allJobsEnded(rows, 60_000);
    const doubtful = await rows(
      `select r.id, r.outcome, j.state from schedule_runs r left join jobs j on j.id = r.id
       where r.outcome is distinct from 'fired' or j.id is null`,
    );
    assert.deepEqual(doubtful, []);
    // A job that is of no run would be one too many.
    const stray = await rows(
      `select j.id from jobs j where not exists (select from schedule_runs r where r.id = j.id)`,
    );
    assert.deepEqual(stray, []);
    const counts = await countJobs(rows);
    const schedules = await rows<{ id: string; kind: string }>('select id, kind from schedules');
    assert.equal(schedules.length, ONCE + BEHIND * KILLS);
    for (const { id, kind } of schedules) {
      const jobs = counts.get(id) ?? 0;
      assert.ok(kind === 'one_off' ? jobs === 1 : jobs >= 60, `${kind} ${id}: ${jobs} jobs`);
    }
    for (const node of nodes) assert.deepEqual(await node.stopWell(), []);
  } finally {
    for (const node of nodes) await node.kill();
  }
});
