import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, test } from 'node:test';
import { forkSession, knownSessionNums, reserveSessionNum } from '../../src/storage/forks.ts';
import { listSessionMessages, readHistory } from '../../src/storage/messages.ts';
import { createTestDatabase } from '../support/database.ts';
import { acceptJob, makeTenant, openDatabase } from '../support/factories.ts';
import { rowsOf } from '../support/rows.ts';

const database = await createTestDatabase();
const db = openDatabase(database.url);
const rows = rowsOf(database.url);
after(async () => await db.end());

test('a fork reads the same history as its source, summary included, and nothing that the source says later', async () => {
  const { tenantId, laneId } = await makeTenant(db);
  const source = await acceptJob(db, { tenantId, laneId });
  const said = async (from: number, to: number): Promise<void> => {
    await rows(
      `insert into messages (session_num, seq, job_id, role, content)
       select $1, n, $4, case when n % 2 = 0 then 'user' else 'assistant' end, jsonb_build_array(jsonb_build_object('type', 'text', 'text', n::text))
       from generate_series($2::integer, $3::integer) n`,
      [source.sessionNum, from, to, source.id],
    );
    await rows('update sessions set event_seq = $2 where num = $1', [source.sessionNum, to]);
  };
  await said(2, 9);
  await rows("insert into summaries (session_num, seq, job_id, text) values ($1, 5, $2, 'the story so far')", [
    source.sessionNum,
    source.id,
  ]);
  const num = await reserveSessionNum(db);
  assert.deepEqual(await knownSessionNums(db, [num, source.sessionNum]), new Set([source.sessionNum]));
  await forkSession(db, { sourceNum: source.sessionNum, num, sessionId: randomUUID(), userId: null });
  assert.deepEqual(await knownSessionNums(db, [num, source.sessionNum]), new Set([source.sessionNum, num]));
  const next = randomUUID();
  const history = await readHistory(db, { id: next, sessionNum: source.sessionNum });
  assert.deepEqual([history.summary, history.messages.length], ['the story so far', 4]);
  assert.deepEqual(await readHistory(db, { id: next, sessionNum: num }), history);
  await said(10, 12);
  await rows("insert into summaries (session_num, seq, job_id, text) values ($1, 11, $2, 'later')", [
    source.sessionNum,
    source.id,
  ]);
  assert.deepEqual(await readHistory(db, { id: next, sessionNum: num }), history);
  const all = await listSessionMessages(db, { sessionNum: num, afterSeq: 0, limit: 100 });
  assert.deepEqual(
    all.map(({ seq }) => seq),
    [2, 3, 4, 5, 6, 7, 8, 9],
  );
});

test('jobs of a fork go on after the places of what was copied', async () => {
  const { tenantId, laneId } = await makeTenant(db);
  const source = await acceptJob(db, { tenantId, laneId });
  await rows('update sessions set event_seq = 40 where num = $1', [source.sessionNum]);
  const num = await reserveSessionNum(db);
  const sessionId = randomUUID();
  await forkSession(db, { sourceNum: source.sessionNum, num, sessionId, userId: null });
  const job = await acceptJob(db, { tenantId, laneId, sessionId });
  assert.equal(job.sessionNum, num);
  const events = await rows('select seq::integer, type from events where session_num = $1', [num]);
  assert.deepEqual(events, [{ seq: 41, type: 'job.submitted' }]);
});
