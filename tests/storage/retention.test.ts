import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { eventBounds, pruneEvents } from '../../src/storage/events.ts';
import { writeJournal } from '../../src/storage/held-jobs.ts';
import { pruneDeliveries } from '../../src/storage/webhook-log.ts';
import { createWorker, deleteWorker } from '../../src/storage/workers.ts';
import { createTestDatabase } from '../support/database.ts';
import {
  acceptJob,
  claimOne,
  goodEnd,
  makeLastEntry,
  makeNode,
  makeTenant,
  openDatabase,
} from '../support/factories.ts';
import { rowsOf } from '../support/rows.ts';

const database = await createTestDatabase();
const db = openDatabase(database.url);
const rows = rowsOf(database.url);
after(async () => await db.end());

const DAY_MS = 86_400_000;
const firstOf = async (sessionNum: number): Promise<number | null | undefined> =>
  (await eventBounds(db, sessionNum))?.first;

test('leaves the log of a worker whole for as long as there is the worker', async () => {
  const tenant = await makeTenant(db);
  const nodeId = await makeNode(db);
  const { sessionNum } = await acceptJob(db, tenant);
  const job = await claimOne(db, { nodeId });
  await writeJournal(db, [makeLastEntry(job, { writeNum: 1, events: [{ type: 'job.completed' }], finish: goodEnd })]);
  const worker = { tenantId: job.tenantId, id: job.sessionId };
  await createWorker(db, { ...worker, mailToken: 'abcdefgh' });
  await rows(`update events set at = at - interval '2 days' where session_num = $1`, [sessionNum]);
  assert.equal(await pruneEvents(db, { olderThanMs: DAY_MS, sessions: 10 }), 0);
  assert.equal(await deleteWorker(db, worker), true);
  assert.equal(await pruneEvents(db, { olderThanMs: DAY_MS, sessions: 10 }), 1);
});

test('forgets what is older, from the beginning of a log on, and only where no work is open', async () => {
  const tenant = await makeTenant(db);
  const nodeId = await makeNode(db);
  const ended = await acceptJob(db, tenant);
  const job = await claimOne(db, { nodeId });
  const events = [{ type: 'warning.raised' }, { type: 'warning.raised' }, { type: 'job.completed' }] as const;
  await writeJournal(db, [makeLastEntry(job, { writeNum: 1, events, finish: goodEnd })]);
  const running = await acceptJob(db, tenant);
  await claimOne(db, { nodeId });
  const waiting = await acceptJob(db, tenant);
  // The newest two of the ended one are young: what is older goes, and they stay.
  await rows(
    `update events set at = at - interval '2 days' where session_num <> $1 or seq <= (select event_seq - 2 from sessions where num = $1)`,
    [ended.sessionNum],
  );
  assert.equal(await pruneEvents(db, { olderThanMs: DAY_MS, sessions: 10 }), 1);
  assert.equal(await firstOf(ended.sessionNum), 4);
  assert.deepEqual([await firstOf(running.sessionNum), await firstOf(waiting.sessionNum)], [1, 1]);
  assert.equal(await pruneEvents(db, { olderThanMs: DAY_MS, sessions: 10 }), 0);
});

test('forgets deliveries to endpoints that ended long ago, and no others', async () => {
  const { tenantId } = await makeTenant(db);
  await rows(
    `with endpoint as (insert into webhook_endpoints (tenant_id, name, config, events) values ($1, 'e', '{}', '{}') returning id),
    delivery as (
      insert into webhook_deliveries (id, tenant_id, endpoint_id, event, event_at, payload, config, target, state, delivered_at, updated_at)
      select (lpad(to_hex((extract(epoch from clock_timestamp() - w.made) * 1000)::bigint), 12, '0') || repeat('a', 20))::uuid, $1,
        case when w.event = 'own' then null else e.id end, w.event, now(), '{}', '{}', 't', w.state,
        case when w.state = 'delivered' then now() end, clock_timestamp() - w.changed
      from endpoint e, (values
        ('old', 'delivered', interval '3 days', interval '3 days'), ('refused', 'failed', '4 days', '4 days'),
        ('young', 'delivered', '1 day', '1 day'), ('waiting', 'pending', '5 days', '5 days'),
        ('again', 'delivered', '6 days', '1 day'), ('own', 'delivered', '7 days', '7 days')
      ) w (event, state, made, changed) returning id
    )
    insert into webhook_attempts (delivery_id, number, url, status, duration_ms, started_at)
    select id, 1, 'http://x', 200, 1, now() from delivery`,
    [tenantId],
  );
  const left = async (): Promise<readonly string[]> =>
    (
      await rows<{ event: string }>(
        `select d.event from webhook_deliveries d join webhook_attempts a on a.delivery_id = d.id where tenant_id = $1 order by 1`,
        [tenantId],
      )
    ).map(({ event }) => event);
  assert.equal(await pruneDeliveries(db, 2, 1), 1, 'a part at a time');
  assert.equal(await pruneDeliveries(db, 2, 10), 1);
  assert.deepEqual(await left(), ['again', 'own', 'waiting', 'young']);
  const [attempts] = await rows<{ count: string }>('select count(*) from webhook_attempts');
  assert.equal(attempts?.count, '4');
});
