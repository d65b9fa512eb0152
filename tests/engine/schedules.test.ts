import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { backfillSchedule } from '../../src/actions/backfill-schedule.ts';
import { cancelJob } from '../../src/actions/cancel-job.ts';
import { changeSchedule } from '../../src/actions/change-schedule.ts';
import { findSchedule } from '../../src/actions/find-schedule.ts';
import { runSchedule } from '../../src/actions/run-schedule.ts';
import type { Schedule } from '../../src/core/schedule/schedule.ts';
import { createTestDatabase } from '../support/database.ts';
import { ADMIN, startTestNode, type TestNode } from '../support/node.ts';
import { rowsOf } from '../support/rows.ts';
import { makeDue, makeSchedule, runsOf, type ScheduleParts } from '../support/schedules.ts';
import { eventually } from '../support/signals.ts';

const database = await createTestDatabase();
const rows = rowsOf(database.url);
const HOUR = 3_600;
/** Goes on until its job is canceled. */
const FOREVER = 'while true; do sleep 0.1; done';

const read = async (node: TestNode, id: string): Promise<Schedule> => await findSchedule(node.context.db, ADMIN, id);
/** Waits until so many due times were used and none is under way. */
const settled = async (id: string, runs: number): Promise<readonly string[]> =>
  await eventually(`${runs} runs of ${id}`, async () => {
    const found = await runsOf(rows, id);
    return found.length >= runs && !found.some((run) => run.includes(' pending')) && found;
  });
/** A due schedule, told to the node. */
const due = async (node: TestNode, parts: ScheduleParts = {}, secondsAgo = 1): Promise<string> => {
  const id = await makeSchedule(node.context, ADMIN, parts);
  await fire(node, id, secondsAgo);
  return id;
};
const fire = async (node: TestNode, id: string, secondsAgo = 1): Promise<void> => {
  await makeDue(rows, id, secondsAgo);
  node.context.notifications.publish('schedules', 0);
};

/** Ends the jobs that would go on for ever. */
const stopWork = async (node: TestNode): Promise<void> => {
  const open = await rows<{ id: string }>(`select id from jobs where state in ('queued', 'running') order by state`);
  for (const { id: jobId } of open) await cancelJob(node.context, ADMIN, { jobId, namedSessionId: null });
};

describe('schedules', () => {
  test('fire when they are due, one after the other of a minute apart, and wait for the next', async (t) => {
    const node = await startTestNode(t, { databaseUrl: database.url });
    const id = await due(node);
    assert.deepEqual(await settled(id, 1), ['due fired']);
    const schedule = await read(node, id);
    assert.equal((await node.ended(schedule.lastJobId ?? '')).state, 'complete');
    assert.ok((schedule.nextDueAt?.getTime() ?? 0) > Date.now());
    assert.equal((schedule.nextDueAt?.getTime() ?? 0) % (HOUR * 1_000), 0);
  });

  test('catch up one of what was missed, unless they say all or none', async (t) => {
    const node = await startTestNode(t, { databaseUrl: database.url });
    const away = 10 * HOUR;
    assert.deepEqual(await settled(await due(node, {}, away), 1), ['due fired']);
    const all = await due(node, { policy: { catchUp: 'all', overlap: 'queue_all' } }, away);
    const fired = await settled(all, 10);
    assert.ok(fired.length <= 11 && fired.every((run) => run === 'catch_up fired'), fired.join());
    const none = await due(node, { policy: { catchUp: 'none' } }, away + 120);
    assert.deepEqual((await settled(none, 1))[0], 'due skipped Missed: it was due more than 60 s ago');
    const recent = await due(
      node,
      { policy: { catchUp: 'all', overlap: 'queue_all', catchUpWindowSeconds: 2 * HOUR } },
      away,
    );
    assert.match((await settled(recent, 3)).join(), /^due skipped Missed[^,]*(,catch_up fired){2,3}$/);
    const minutes = await due(node, { cron: '* * * * *', policy: { catchUp: 'all', overlap: 'queue_all' } }, away);
    const bounded = await settled(minutes, 101);
    assert.equal(bounded.filter((run) => run === 'catch_up fired').length, 100);
    assert.equal(bounded.at(-1), 'due skipped Missed: more than 100 were to be caught up');
  });

  test('skip a fire while the job before is queued, and name it', async (t) => {
    const node = await startTestNode(t, { databaseUrl: database.url });
    const id = await due(node, { agent: 'shell', question: FOREVER });
    await settled(id, 1);
    const first = (await read(node, id)).lastJobId ?? '';
    await node.running(first);
    await fire(node, id, 0);
    await settled(id, 2);
    const second = (await read(node, id)).lastJobId ?? '';
    await fire(node, id, -1);
    const runs = await settled(id, 3);
    assert.equal(runs[2], `due skipped Skipped: job ${second} is still queued`);
    assert.equal((await read(node, id)).lastError, `Skipped: job ${second} is still queued`);
    await stopWork(node);
  });

  for (const [overlap, expected] of [
    ['skip', /^due fired,due skipped Skipped: job \S+ is still running$/],
    ['queue_all', /^due fired,due fired$/],
    ['cancel_running', /^due fired,due fired$/],
    ['allow', /^due fired,due fired$/],
  ] as const) {
    test(`overlap ${overlap} while the job before runs`, async (t) => {
      const node = await startTestNode(t, { databaseUrl: database.url });
      const sessionMode = overlap === 'allow' ? 'new' : 'same';
      const id = await due(node, { agent: 'shell', question: FOREVER, policy: { overlap }, sessionMode });
      await settled(id, 1);
      const first = (await read(node, id)).lastJobId ?? '';
      await node.running(first);
      await fire(node, id, 0);
      assert.match((await settled(id, 2)).join(), expected);
      const second = (await read(node, id)).lastJobId ?? '';
      if (overlap === 'skip') assert.equal(second, first);
      if (overlap === 'queue_all') assert.equal((await node.job(second)).state, 'queued');
      if (overlap === 'cancel_running') assert.equal((await node.ended(first)).state, 'canceled');
      if (overlap !== 'skip' && overlap !== 'queue_all') await node.running(second);
      await stopWork(node);
    });
  }

  test('jobs of new sessions have one each', async (t) => {
    const node = await startTestNode(t, { databaseUrl: database.url });
    const id = await due(node, { sessionMode: 'new' });
    await settled(id, 1);
    const first = await node.ended((await read(node, id)).lastJobId ?? '');
    await fire(node, id, 0);
    await settled(id, 2);
    const second = await node.job((await read(node, id)).lastJobId ?? '');
    assert.notEqual(first.sessionId, second.sessionId);
  });

  test('a fire that fails is tried again after a minute, and given up after ten tries', async (t) => {
    const node = await startTestNode(t, { databaseUrl: database.url });
    const id = await makeSchedule(node.context, ADMIN, { kind: 'one_off', runAt: new Date(0), enabled: false });
    await rows(`update schedules set agent = 'gone' where id = $1`, [id]);
    await changeSchedule(node.context, ADMIN, { id, change: { enabled: true } });
    const pending = async () =>
      await eventually('a failed try', async () => {
        const [run] = await rows<{ tries: number; wait: number; reason: string }>(
          `select tries, extract(epoch from retry_at - clock_timestamp())::float as wait, reason from schedule_runs
           where schedule_id = $1 and tries > 0 and outcome = 'pending'`,
          [id],
        );
        return run;
      });
    const first = await pending();
    assert.deepEqual([first.tries, Math.ceil(first.wait / 60)], [1, 1]);
    assert.match(first.reason, /^Unknown agent type: 'gone'/);
    const schedule = await read(node, id);
    assert.deepEqual([schedule.enabled, schedule.lastError], [true, first.reason]);
    await rows(`update schedule_runs set tries = 9, retry_at = clock_timestamp() where schedule_id = $1`, [id]);
    await eventually('the tenth retry to be planned', async () => (await pending()).tries === 10);
    assert.equal(Math.ceil((await pending()).wait / 60), 60);
    await rows(`update schedule_runs set retry_at = clock_timestamp() where schedule_id = $1`, [id]);
    assert.match((await settled(id, 1)).join(), /^due failed Unknown agent type/);
    assert.equal((await read(node, id)).enabled, false);
  });

  test('a schedule that is paused gives up its retries; one that is repaired fires', async (t) => {
    const node = await startTestNode(t, { databaseUrl: database.url });
    for (const isRepaired of [false, true]) {
      const id = await makeSchedule(node.context, ADMIN);
      await rows(`update schedules set agent = 'gone' where id = $1`, [id]);
      await fire(node, id);
      await eventually('a failed try', async () =>
        ((await read(node, id)).lastError ?? '').startsWith('Unknown agent'),
      );
      const change = isRepaired ? { agent: 'echo' } : { enabled: false };
      await changeSchedule(node.context, ADMIN, { id, change });
      await rows(
        `update schedule_runs set retry_at = clock_timestamp() where schedule_id = $1 and outcome = 'pending'`,
        [id],
      );
      assert.deepEqual(await settled(id, 1), [
        isRepaired ? 'due fired' : 'due skipped Skipped: the schedule was paused',
      ]);
    }
  });

  test('a spent budget is told, and the next fire is as planned', async (t) => {
    const node = await startTestNode(t, { databaseUrl: database.url, settings: { KAZI_SESSION_MAX_REQUESTS: '1' } });
    const id = await due(node, { agent: 'default', policy: { overlap: 'queue_all' } });
    await settled(id, 1);
    // A request whose job called no model is given back at its end.
    await node.ended((await read(node, id)).lastJobId ?? '');
    await rows(`update accounts set requests = 1 where kind = 'session' and id = $1`, [`sched_${id}`]);
    await fire(node, id, 0);
    assert.equal((await settled(id, 2))[1], 'due failed Session request budget exceeded (1)');
    const schedule = await read(node, id);
    assert.deepEqual([schedule.enabled, schedule.lastError], [true, 'Session request budget exceeded (1)']);
    assert.ok(schedule.nextDueAt !== null);
  });

  test('failures in a row pause a schedule, and count from the start after it was resumed', async (t) => {
    const node = await startTestNode(t, { databaseUrl: database.url });
    const id = await makeSchedule(node.context, ADMIN, {
      agent: 'shell',
      question: 'exit 1',
      policy: { pauseAfterFailures: 2 },
    });
    for (const number of [1, 2]) {
      await fire(node, id, 3 - number);
      await settled(id, number);
      assert.equal((await node.ended((await read(node, id)).lastJobId ?? '')).state, 'failed');
    }
    await fire(node, id, 0);
    assert.equal((await settled(id, 3))[2], 'due skipped Paused after 2 failures in a row');
    const paused = await read(node, id);
    assert.deepEqual(
      [paused.enabled, paused.nextDueAt, paused.lastError],
      [false, null, 'Paused after 2 failures in a row'],
    );
    assert.ok((await changeSchedule(node.context, ADMIN, { id, change: { enabled: true } })).nextDueAt);
    await fire(node, id, -1);
    assert.equal((await settled(id, 4))[3], 'due fired');
  });

  test('a number of runs and an end date end a schedule', async (t) => {
    const node = await startTestNode(t, { databaseUrl: database.url });
    const counted = await due(node, { policy: { maxRuns: 2, overlap: 'queue_all' } }, 2);
    await settled(counted, 1);
    assert.equal((await read(node, counted)).enabled, true);
    await fire(node, counted, 0);
    await settled(counted, 2);
    const ended = await read(node, counted);
    assert.deepEqual([ended.enabled, ended.nextDueAt], [false, null]);
    const dated = await due(node, { policy: { endsAt: new Date(Date.now() + 1_000) } }, 2);
    assert.deepEqual(await settled(dated, 1), ['due fired']);
    assert.equal((await read(node, dated)).enabled, false);
  });

  test('a jitter makes every fire later by what it always is for that due time', async (t) => {
    const node = await startTestNode(t, { databaseUrl: database.url });
    const ids = await Promise.all(
      Array.from(
        { length: 8 },
        async () => await makeSchedule(node.context, ADMIN, { policy: { jitterSeconds: 600 } }),
      ),
    );
    const offsets = new Set<number>();
    for (const id of ids) {
      const before = await read(node, id);
      const offset = (before.nextFireAt?.getTime() ?? 0) - (before.nextDueAt?.getTime() ?? 0);
      assert.ok(offset >= 0 && offset < 600_000);
      offsets.add(offset);
      const after = await changeSchedule(node.context, ADMIN, { id, change: { enabled: true } });
      assert.deepEqual(after.nextFireAt, before.nextFireAt);
    }
    assert.ok(offsets.size > 1);
  });

  test('a run now leaves the due times alone, also of a paused schedule', async (t) => {
    const node = await startTestNode(t, { databaseUrl: database.url });
    const id = await makeSchedule(node.context, ADMIN, { enabled: false });
    const scope = Buffer.from(id);
    const first = await runSchedule(node.context, ADMIN, { id, request: { idempotencyScope: scope } });
    const again = await runSchedule(node.context, ADMIN, { id, request: { idempotencyScope: scope } });
    assert.deepEqual([again.jobId, again.isReplay], [first.jobId, true]);
    const other = await runSchedule(node.context, ADMIN, { id, request: { idempotencyScope: null } });
    assert.notEqual(other.jobId, first.jobId);
    assert.equal((await node.ended(first.jobId)).state, 'complete');
    assert.deepEqual(await runsOf(rows, id), ['manual fired', 'manual fired']);
    const schedule = await read(node, id);
    assert.deepEqual([schedule.enabled, schedule.nextDueAt, schedule.lastJobId], [false, null, other.jobId]);
  });

  test('a backfill gives each due time of a range a job, once', async (t) => {
    const node = await startTestNode(t, { databaseUrl: database.url });
    const id = await makeSchedule(node.context, ADMIN, { cron: '0 0 * * *' });
    const range = { id, from: new Date('2026-01-01T00:00:00Z'), to: new Date('2026-01-10T23:00:00Z') };
    assert.deepEqual(await backfillSchedule(node.context, ADMIN, range), { due: 10, added: 10 });
    assert.deepEqual(await settled(id, 10), Array(10).fill('backfill fired'));
    const wider = { ...range, to: new Date('2026-01-12T00:00:00Z') };
    assert.deepEqual(await backfillSchedule(node.context, ADMIN, wider), { due: 12, added: 2 });
    await settled(id, 12);
    const [found] = await rows<{ days: string[] }>(
      `select array_agg(metadata ->> 'schedule_due_at' order by num) as days from jobs where metadata ->> 'schedule_id' = $1`,
      [id],
    );
    const first = Date.parse('2026-01-01T00:00:00Z') / 1_000;
    assert.deepEqual(
      found?.days.toSorted(),
      Array.from({ length: 12 }, (_, day) => String(first + day * 86_400)),
    );
    const future = { ...range, to: new Date(Date.now() + 60_000) };
    await assert.rejects(backfillSchedule(node.context, ADMIN, future), { code: 'INVALID_REQUEST' });
    const minutes = await makeSchedule(node.context, ADMIN, { cron: '* * * * *' });
    await assert.rejects(backfillSchedule(node.context, ADMIN, { ...range, id: minutes }), /more than 500 due times/);
  });

  test('an interval fires first after one interval and keeps its grid; a delay fires once', async (t) => {
    const node = await startTestNode(t, { databaseUrl: database.url });
    const before = Date.now();
    const interval = await makeSchedule(node.context, ADMIN, { kind: 'interval', periodSeconds: 90 });
    const first = (await read(node, interval)).nextDueAt?.getTime() ?? 0;
    assert.ok(first >= before + 89_000 && first <= Date.now() + 91_000);
    await rows(
      `update schedules set run_at = run_at - interval '1 h', next_due_at = next_due_at - interval '1 h',
       next_fire_at = next_fire_at - interval '1 h' where id = $1`,
      [interval],
    );
    node.context.notifications.publish('schedules', 0);
    await settled(interval, 1);
    assert.equal(((await read(node, interval)).nextDueAt?.getTime() ?? 0) % 90_000, first % 90_000);
    const delay = await makeSchedule(node.context, ADMIN, { kind: 'delay', periodSeconds: 1 });
    assert.deepEqual(await settled(delay, 1), ['due fired']);
    assert.equal((await read(node, delay)).enabled, false);
  });

  test('of two nodes, one fires a due time, never before it and soon after', async (t) => {
    const one = await startTestNode(t, { databaseUrl: database.url });
    await startTestNode(t, { databaseUrl: database.url });
    const ids = await Promise.all(
      Array.from({ length: 10 }, async () => {
        const runAt = new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 1_000);
        return await makeSchedule(one.context, ADMIN, { kind: 'one_off', runAt });
      }),
    );
    for (const id of ids) assert.deepEqual(await settled(id, 1), ['due fired']);
    const late = await rows<{ ms: number }>(
      `select extract(epoch from j.created_at - r.due_at)::float * 1000 as ms
       from schedule_runs r join jobs j on j.id = r.id where r.schedule_id = any ($1)`,
      [ids],
    );
    assert.equal(late.length, ids.length);
    // How soon is for the benchmark to say: the tests share their machine.
    for (const { ms } of late) assert.ok(ms >= 0 && ms < 5_000, `${ms} ms`);
  });
});
