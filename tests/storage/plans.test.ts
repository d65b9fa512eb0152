import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import pg from 'pg';
import { createTestDatabase } from '../support/database.ts';
import { fillDatabase } from './big-database.ts';

/** What one statement, and every statement inside its function, has read. */
interface Reading {
  readonly relation: string;
  readonly kind: 'r' | 'i';
  readonly scans: number;
  readonly read: number;
}

const COUNTERS = `
  select relname as relation, relkind as kind,
    pg_stat_get_xact_numscans(oid)::integer as scans, pg_stat_get_xact_tuples_returned(oid)::integer as read
  from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'i')`;

/** Tables that grow with use; reading one from end to end is never right. */
const BIG = new Set(['sessions', 'jobs', 'events', 'messages', 'idempotency_keys']);

const textOf = (name: string): string =>
  readFileSync(new URL(`../../src/storage/${name}.sql`, import.meta.url), 'utf8');

const connect = async (url: string): Promise<pg.Client> => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  return client;
};

/** From the sixth call on PostgreSQL may keep a plan that knows no parameters: what a node lives with. */
const CALLS = 7;

/** Runs a statement of storage/ as a node would, undoes it each time, and gives what its last call has read. */
const measure = async (client: pg.Client, name: string, parameters: readonly unknown[]): Promise<Reading[]> => {
  const execute = async () => await client.query({ name, text: textOf(name), values: [...parameters] });
  const undone = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    await client.query('begin');
    try {
      return await work();
    } finally {
      await client.query('rollback');
    }
  };
  for (let call = 1; call < CALLS; call += 1) await undone(execute);
  const [before, after] = await undone(async () => {
    const first = (await client.query<Reading>(COUNTERS)).rows;
    await execute();
    return [first, (await client.query<Reading>(COUNTERS)).rows];
  });
  const earlier = new Map(before.map((reading) => [reading.relation, reading]));
  return after
    .map((reading) => {
      const { scans = 0, read = 0 } = earlier.get(reading.relation) ?? {};
      return { ...reading, scans: reading.scans - scans, read: reading.read - read };
    })
    .filter((reading) => reading.scans > 0);
};

/** Names of indexes that the header of a statement promises. */
const promisedIndexes = (name: string, known: ReadonlySet<string>): string[] =>
  [...(/\bIndex:([^\n]*(?:\n--[^\n]*)*)/.exec(textOf(name))?.[1] ?? '').matchAll(/\w+/g)]
    .map((match) => match[0])
    .filter((word) => known.has(word));

for (const statistics of ['full', 'empty'] as const) {
  describe(`with 20,000 sessions, and statistics of a queue that was ${statistics}`, async () => {
    const { url } = await createTestDatabase();
    await fillDatabase(url, statistics);
    const client = await connect(url);
    const known = new Set(
      (await client.query<{ name: string }>(`select relname as name from pg_class where relkind = 'i'`)).rows.map(
        ({ name }) => name,
      ),
    );
    const find = async (where: string): Promise<{ id: string; session_num: string; lease_id: string }> => {
      const sql = `select id, session_num, lease_id from jobs where ${where} order by num limit 1`;
      const [row] = (await client.query<{ id: string; session_num: string; lease_id: string }>(sql)).rows;
      assert.ok(row);
      return row;
    };
    const held = await find('lease_id is not null');
    const queued = await find(`state = 'queued'`);
    const submission = (session: string, ord: number) => ({
      ord,
      id: randomUUID(),
      tenant_id: 'tenant-1',
      session_id: session,
      enforce_user: false,
      lane_id: 1,
      agent: 'echo',
      priority: 0,
      question: 'x',
    });
    const finish = {
      ord: 0,
      session_num: held.session_num,
      job_id: held.id,
      attempt: 1,
      lease_id: held.lease_id,
      write_num: 1,
      events: [{ type: 'job.completed', message: { role: 'assistant', content: [] } }],
      finish: { state: 'complete', error: null, outcome: {} },
    };

    /** Statement, parameters, and the most entries that it may read from all big tables and indexes together. */
    const cases: readonly (readonly [name: string, parameters: readonly unknown[], most: number])[] = [
      ['submissions/accept', [JSON.stringify([submission('session-20', 0), submission('fresh', 1)])], 40],
      ['submissions/place', [JSON.stringify(submission('session-20', 0)), 'enqueue', null, 10, 20_000, '{}'], 60],
      ['submissions/place', [JSON.stringify(submission('session-20', 0)), 'merge', null, null, 20_000, '{}'], 60],
      ['submissions/place', [JSON.stringify(submission('session-20', 0)), 'interrupt', null, null, 20_000, '{}'], 80],
      ['prompts/list', [queued.session_num], 20],
      ['prompts/expire', [500], 20],
      ['prompts/take-inputs', [held.session_num, held.id, held.lease_id, 1], 40],
      ['prompts/taken-inputs', [held.session_num, held.id], 20],
      ['stops/request', [held.session_num, 'immediate', null, 'user', 1_000], 60],
      ['stops/get', [held.session_num], 20],
      ['stops/notice', [held.session_num, held.id], 20],
      ['jobs/claim', [1, 10, 0, [], 1_000, 64], 200],
      ['jobs/claim', [1, 1, 0, [3], 1_000, 4], 100],
      ['jobs/journal', [JSON.stringify([finish])], 40],
      ['jobs/promote', [500], 20],
      ['jobs/cancel', [queued.id, null], 40],
      ['jobs/cancel', [held.id, null], 40],
      ['jobs/release', [[held.id], [held.lease_id], [0], 'test', null], 60],
      ['jobs/rescue', [500, 3], 2_500],
      ['jobs/held', [1], 2_500],
      ['jobs/get', [queued.id], 10],
      ['jobs/list', ['tenant-1', null, null, null, null, null, 50, false], 400],
      ['jobs/list', ['tenant-1', null, null, null, null, 10_000, 50, false], 400],
      ['jobs/list-session', [queued.session_num, null, null, null, null, 50, false], 20],
      ['jobs/find-request', ['tenant-1', null, '1', 0], 20],
      ['events/read', [queued.session_num, 0, 100], 20],
      ['events/read-job', [queued.session_num, 0, 100, queued.id], 20],
      ['events/bounds', [queued.session_num], 20],
      ['events/newest', [[queued.session_num]], 20],
      ['events/prune', [86_400_000, 100], 10_000],
      ['messages/list-job', [queued.id], 20],
      ['sessions/get', ['tenant-1', 'session-20'], 20],
      ['sessions/list', ['tenant-1', null, null, null, 20, false], 200],
      ['idempotency/get', [Buffer.alloc(32)], 20],
      ['idempotency/prune', [100], 20],
    ];

    for (const [place, [name, parameters, most]] of cases.entries()) {
      test(`${name} (case ${place + 1}) uses its indexes, and reads at most ${most} entries`, async () => {
        const readings = await measure(client, name, parameters);
        const isIndexOf = (relation: string): boolean => [...BIG].some((table) => relation.startsWith(table));
        assert.deepEqual(
          readings.filter((reading) => reading.kind === 'r' && BIG.has(reading.relation)),
          [],
          'read a whole table',
        );
        const used = new Set(readings.map((reading) => reading.relation));
        assert.deepEqual(
          promisedIndexes(name, known).filter((index) => !used.has(index)),
          [],
          `does not use what its header says, but ${[...used].join(', ')}`,
        );
        const read = readings
          .filter(({ relation }) => isIndexOf(relation))
          .reduce((sum, reading) => sum + reading.read, 0);
        assert.ok(read <= most, `read ${read} entries: ${JSON.stringify(readings)}`);
      });
    }

    test('the connection closes', async () => {
      await client.end();
      assert.ok(known.size > 0);
    });
  });
}
