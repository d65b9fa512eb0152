import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { cancelBatch, cancelBatchItems, listUnsettledBatches, settleBatches } from '../../src/storage/batch-ends.ts';
import { getBatch } from '../../src/storage/batches.ts';
import { cancelJob } from '../../src/storage/jobs.ts';
import { startApi, type TestApi } from '../support/api.ts';
import { bearer, send } from '../support/api-client.ts';
import { createTestDatabase } from '../support/database.ts';
import { openDatabase } from '../support/factories.ts';
import { rowsOf } from '../support/rows.ts';
import { eventually } from '../support/signals.ts';
import { type Arena, Dice, FlakyNode, rescueRegularly } from './dispatch-actors.ts';

const BATCHES = 8;
const PROFILES = 8;
const MOST_ITEMS = 40;

const post = async (api: TestApi, path: string, body: Readonly<Record<string, unknown>>): Promise<string> => {
  const answer = await send(api.url, { method: 'POST', path, headers: bearer(api.adminKey), body });
  assert.equal(answer.status, 200, answer.text);
  return String(answer.json['id']);
};

const makeBatches = async (api: TestApi, dice: Dice): Promise<string[]> => {
  const profiles: string[] = [];
  for (let made = 0; made < PROFILES; made += 1) profiles.push(await post(api, '/v1/agents', { model: 'kazi/echo' }));
  const batches: string[] = [];
  for (let made = 0; made < BATCHES; made += 1) {
    const requests = Array.from({ length: 1 + dice.below(MOST_ITEMS) }, (_, number) => ({
      agent_id: dice.pick(profiles),
      input: `item ${number}`,
    }));
    const id = await post(api, '/v1/messages/batches', { requests, callback_url: 'http://127.0.0.1:1/' });
    batches.push(id.replace(/^job-/, ''));
  }
  return batches;
};

/** Ends batches as every node does, beside others that do the same. */
const settleRegularly = async (arena: Arena, dice: Dice, settled: string[], signal: AbortSignal): Promise<void> => {
  while (!signal.aborted) {
    for (const { num, isCancelled } of await listUnsettledBatches(arena.db, 100)) {
      if (isCancelled) await cancelBatchItems(arena.db, num, 1 + dice.below(20));
    }
    settled.push(...(await settleBatches(arena.db, 1 + dice.below(5))).map(({ id }) => id));
    await delay(dice.below(30));
  }
};

/** Reads what clients read, all the time: counts only grow, and never beyond the number of items. */
const watchCounts = async (arena: Arena, batches: readonly string[], signal: AbortSignal): Promise<void> => {
  const seen = new Map<string, readonly number[]>();
  while (!signal.aborted) {
    for (const id of batches) {
      const batch = await getBatch(arena.db, id);
      if (!batch) throw new Error(`found no batch ${id}`);
      const { total, succeeded, failed, cancelled } = batch.counts;
      const now = [succeeded, failed];
      if (succeeded + failed + cancelled > total) arena.faults.push(`${id} counts ${JSON.stringify(batch.counts)}`);
      if (seen.get(id)?.some((before, place) => before > (now[place] ?? 0)))
        arena.faults.push(`${id} fell from ${seen.get(id)?.join()} to ${now.join()}`);
      seen.set(id, now);
    }
    await delay(5);
  }
};

test('no order of ends, deaths, cancels and looks breaks the counts of a batch, or ends it twice', async (t) => {
  const seed = Number(process.env['KAZI_TEST_SEED'] ?? randomInt(2 ** 31));
  const hint = `run again with KAZI_TEST_SEED=${seed}`;
  t.diagnostic(hint);
  let dealt = 0;
  const dice = (): Dice => new Dice(seed + (dealt += 1) * 7919);
  const { url: databaseUrl } = await createTestDatabase(t);
  const api = await startApi({ databaseUrl, runsJobs: false }, t);
  const batches = await makeBatches(api, dice());
  const rows = rowsOf(databaseUrl);
  const db = openDatabase(databaseUrl, 24);
  t.after(async () => await db.end());
  const items = await rows<{ id: string; lane_id: number; session_id: string; session_num: number }>(
    'select j.id, j.lane_id, s.id as session_id, s.num as session_num from jobs j join sessions s on s.num = j.session_num where j.batch_num is not null',
  );
  const arena: Arena = {
    db,
    desks: items.map((item) => ({
      tenantId: 'default',
      laneId: item.lane_id,
      sessionId: item.session_id,
      sessionNum: item.session_num,
    })),
    leaseMs: 400,
    maxAttempts: 3,
    tenantCap: 50,
    failOneIn: 6,
    accepted: items.map(({ id }) => id),
    ends: new Map(),
    counts: { pauses: 0, fenced: 0, repeated: 0, released: 0, canceled: 0, replays: 0 },
    faults: [],
  };
  const stop = new AbortController();
  const settled: string[] = [];
  const actors = [
    ...[1, 2, 3].map(async () => await new FlakyNode(arena, dice()).work(stop.signal)),
    rescueRegularly(arena, dice(), stop.signal),
    ...[1, 2, 3].map(async () => await settleRegularly(arena, dice(), settled, stop.signal)),
    watchCounts(arena, batches, stop.signal),
  ];
  const chance = dice();
  const cancelled = new Set<string>();
  for (let round = 0; round < 30; round += 1) {
    await delay(chance.below(40));
    const item = chance.pick(arena.accepted);
    if ((await cancelJob(db, item))?.hasChanged) arena.counts.canceled += 1;
    if (round % 10 !== 4) continue;
    const id = chance.pick(batches);
    const batch = await getBatch(db, id);
    if (batch && (await cancelBatch(db, batch.num))) cancelled.add(id);
  }
  await eventually('the end of all batches', async () => (await listUnsettledBatches(db, 1)).length === 0);
  stop.abort();
  await Promise.all(actors);

  t.diagnostic(`${items.length} items, ${cancelled.size} batches cancelled, ${JSON.stringify(arena.counts)}`);
  assert.deepEqual(arena.faults, [], hint);
  assert.deepEqual(settled.toSorted(), batches.toSorted(), `each batch ended once (${hint})`);
  for (const id of batches) {
    const batch = await getBatch(db, id);
    const [truth] = await rows<Record<string, number>>(
      `select count(*)::integer as total, count(*) filter (where j.state = 'complete')::integer as succeeded,
         count(*) filter (where j.state = 'failed')::integer as failed, count(*) filter (where j.state = 'canceled')::integer as cancelled,
         (select count(*)::integer from webhook_deliveries d where d.payload::text like '%' || $1::text || '%') as callbacks
       from jobs j join batches b on b.num = j.batch_num where b.id = $1::text::uuid`,
      [id],
    );
    const { callbacks, ...counts } = truth ?? {};
    assert.deepEqual({ ...batch?.counts }, counts, `${id} (${hint})`);
    const isFailed = counts['failed'] === counts['total'];
    assert.equal(batch?.status, cancelled.has(id) ? 'cancelled' : isFailed ? 'failed' : 'completed', hint);
    assert.equal(callbacks, 1, `callbacks of ${id} (${hint})`);
  }
  assert.deepEqual(await rows('select * from batch_counts'), [], hint);
  assert.ok(arena.counts.canceled > 0 && arena.counts.pauses + arena.counts.repeated > 0, hint);
});
