import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { Writable } from 'node:stream';
import { describe, test } from 'node:test';
import { KaziError } from '../../src/core/errors.ts';
import type { SessionEvent } from '../../src/core/event.ts';
import { EventHub } from '../../src/realtime/event-hub.ts';
import { FrameEncoder, writeEventStream } from '../../src/realtime/sse.ts';
import type { Queryable } from '../../src/storage/database.ts';
import { Notifications } from '../../src/storage/notifications.ts';
import { startApi } from '../support/api.ts';
import { bearer, send } from '../support/api-client.ts';

const api = await startApi({ runsJobs: false });
const { context } = api;

/** Appends one event to the session: a submission of a job that nobody runs. */
const append = async (session: string): Promise<number> => {
  const body = { question: 'x', agent_type: 'echo', session_id: session };
  const made = await send(api.url, { method: 'POST', path: '/submit', headers: bearer(api.adminKey), body });
  assert.equal(made.status, 200, made.text);
  const found = await context.directory.findSession('default', session);
  assert.ok(found);
  return found.num;
};
const appendMany = async (session: string, count: number): Promise<number> => {
  let sessionNum = 0;
  for (let number = 0; number < count; number += 1) sessionNum = await append(session);
  return sessionNum;
};

/** Counts reads of the log; `fail` is asked before each. */
const countingDatabase = (fail: () => boolean = () => false): Queryable & { reads: number } => {
  const counting = {
    reads: 0,
    async query<Row>(name: string, parameters?: readonly unknown[]): Promise<Row[]> {
      if (name === 'events/read') {
        counting.reads += 1;
        if (fail()) throw new KaziError('DATABASE_UNAVAILABLE');
      }
      return await context.db.query<Row>(name, parameters);
    },
  };
  return counting;
};

const take = async (batches: AsyncIterable<readonly SessionEvent[]>, count: number): Promise<number[]> => {
  const seqs: number[] = [];
  for await (const batch of batches) {
    seqs.push(...batch.map(({ seq }) => seq));
    if (seqs.length >= count) break;
  }
  return seqs;
};
const never = new AbortController().signal;

describe('the event hub', () => {
  test('reads the log once for a thousand followers', async (t) => {
    const db = countingDatabase();
    const hub = new EventHub({ ...context, db, pollMs: 60_000 });
    hub.start();
    t.after(() => hub.stop());
    const session = randomUUID();
    const sessionNum = await append(session);
    const followers = Array.from(
      { length: 1_000 },
      async () => await take(hub.follow({ sessionNum, afterSeq: 0, signal: never }), 5),
    );
    for (let seq = 2; seq <= 5; seq += 1) await append(session);
    for (const seqs of await Promise.all(followers)) assert.deepEqual(seqs, [1, 2, 3, 4, 5]);
    // One that finds and one that finds nothing for each event, at most, and what raced with the appending.
    assert.ok(db.reads <= 20, `${db.reads} reads`);
    assert.equal(hub.sessions, 0);
  });

  test('finds by polling what no notification told', async (t) => {
    const deaf = new Notifications({ url: api.databaseUrl, log: context.log });
    const hub = new EventHub({ ...context, notifications: deaf, pollMs: 20 });
    hub.start();
    t.after(() => hub.stop());
    const session = randomUUID();
    const sessionNum = await append(session);
    const early = take(hub.follow({ sessionNum, afterSeq: 0, signal: never }), 3);
    const late = take(hub.follow({ sessionNum, afterSeq: 1, signal: never }), 2);
    await appendMany(session, 2);
    assert.deepEqual(await early, [1, 2, 3]);
    assert.deepEqual(await late, [2, 3]);
  });

  test('wakes those who wait when a newcomer sees more than they were told', async (t) => {
    const deaf = new Notifications({ url: api.databaseUrl, log: context.log });
    const hub = new EventHub({ ...context, notifications: deaf, pollMs: 60_000 });
    t.after(() => hub.stop());
    const session = randomUUID();
    const sessionNum = await append(session);
    const waiting = take(hub.follow({ sessionNum, afterSeq: 1, signal: never }), 1);
    await append(session);
    assert.deepEqual(await take(hub.follow({ sessionNum, afterSeq: 0, signal: never }), 2), [1, 2]);
    assert.deepEqual(await waiting, [2]);
  });

  test('goes on where it was after the database was away', async (t) => {
    let failures = 3;
    const db = countingDatabase(() => {
      failures -= 1;
      return failures >= 0;
    });
    const hub = new EventHub({ ...context, db, pollMs: 10 });
    hub.start();
    t.after(() => hub.stop());
    const sessionNum = await appendMany(randomUUID(), 3);
    assert.deepEqual(await take(hub.follow({ sessionNum, afterSeq: 1, signal: never }), 2), [2, 3]);
    assert.ok(db.reads >= 4);
  });

  test('reads nothing ahead for a follower that does not pull', async (t) => {
    const db = countingDatabase();
    const hub = new EventHub({ ...context, db, pollMs: 10 });
    hub.start();
    t.after(() => hub.stop());
    const session = randomUUID();
    const sessionNum = await append(session);
    const slow = hub.follow({ sessionNum, afterSeq: 0, signal: never });
    assert.equal((await slow.next()).value?.length, 1);
    await appendMany(session, 5);
    assert.equal(db.reads, 1);
    assert.deepEqual(
      (await slow.next()).value?.map(({ seq }) => seq),
      [2, 3, 4, 5, 6],
    );
    await slow.return();
  });

  test('ends its followers when it stops, and when they hang up', async () => {
    const hub = new EventHub({ ...context, pollMs: 60_000 });
    hub.start();
    const sessionNum = await append(randomUUID());
    const gone = new AbortController();
    const hangsUp = take(hub.follow({ sessionNum, afterSeq: 1, signal: gone.signal }), 1);
    const stays = take(hub.follow({ sessionNum, afterSeq: 1, signal: never }), 1);
    gone.abort();
    assert.deepEqual(await hangsUp, []);
    assert.equal(hub.sessions, 1);
    await hub.stop();
    await hub.stop();
    assert.deepEqual(await stays, []);
    assert.equal(hub.sessions, 0);
  });
});

describe('an event stream', () => {
  const eventOf = (seq: number): SessionEvent => ({
    seq,
    jobId: null,
    type: 'output.written',
    data: { text: 'x'.repeat(1_000) },
    at: new Date(0),
    message: null,
  });
  async function* endless(pulled: { count: number }): AsyncGenerator<readonly SessionEvent[]> {
    for (;;) {
      pulled.count += 1;
      yield Array.from({ length: 100 }, (_, place) => eventOf(pulled.count * 100 + place));
      await new Promise(setImmediate);
    }
  }

  test('pulls no more while its client does not read, and stops when the client goes', async () => {
    const pulled = { count: 0 };
    const gone = new AbortController();
    const target = new Writable({ highWaterMark: 1_024, write: () => undefined });
    const writing = writeEventStream({
      batches: endless(pulled),
      encoder: new FrameEncoder(),
      target,
      signal: gone.signal,
      keepAliveMs: 60_000,
    });
    while (!target.writableNeedDrain) await new Promise(setImmediate);
    for (let turn = 0; turn < 50; turn += 1) await new Promise(setImmediate);
    assert.equal(pulled.count, 1);
    target.destroy();
    gone.abort();
    await writing;
  });

  test('keeps a silent connection alive with comments', async () => {
    const gone = new AbortController();
    const chunks: string[] = [];
    const { promise: alive, resolve } = Promise.withResolvers<void>();
    const target = new Writable({
      decodeStrings: false,
      write(chunk: string, _encoding, done) {
        chunks.push(chunk);
        if (chunk === ': keep-alive\n\n') resolve();
        done();
      },
    });
    const sessionNum = await append(randomUUID());
    const batches = api.hub.follow({ sessionNum, afterSeq: 1, signal: gone.signal });
    const writing = writeEventStream({
      batches,
      encoder: new FrameEncoder(),
      target,
      signal: gone.signal,
      keepAliveMs: 5,
    });
    await alive;
    gone.abort();
    await writing;
    assert.equal(chunks[0], 'retry: 1000\n\n');
  });
});
