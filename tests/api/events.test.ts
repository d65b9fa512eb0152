import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { pruneEvents } from '../../src/storage/events.ts';
import { startApi } from '../support/api.ts';
import { bearer, send } from '../support/api-client.ts';
import { chattyRuntime } from '../support/chatty-runtime.ts';
import { readStream, type StreamedEvent } from '../support/event-stream.ts';
import { rowsOf } from '../support/rows.ts';

const gates = new Map<string, Promise<void>>();
const api = await startApi({ runtimes: [chattyRuntime(async ({ job }) => await gates.get(job.sessionId))] });
const otherNode = await startApi({ databaseUrl: api.databaseUrl, runsJobs: false });
const credential = api.adminKey;

const submit = async (body: Readonly<Record<string, unknown>>): Promise<string> => {
  const made = await send(api.url, {
    method: 'POST',
    path: '/submit',
    headers: bearer(credential),
    body: { agent_type: 'echo', ...body },
  });
  assert.equal(made.status, 200, made.text);
  return String(made.json['job_id']);
};
const read = async (
  jobId: string,
  options: { readonly afterSeq?: number; readonly take?: number; readonly url?: string } = {},
) => await readStream({ url: api.url, credential, jobId, ...options });
const get = async (path: string, headers: Readonly<Record<string, string>> = {}) =>
  await send(api.url, { path, headers: { ...bearer(credential), ...headers } });

/** A session whose chatty jobs stop in the middle until the returned function is called. */
const gatedSession = (): { readonly session: string; readonly open: () => void } => {
  const session = randomUUID();
  const { promise, resolve } = Promise.withResolvers<void>();
  gates.set(session, promise);
  return { session, open: resolve };
};

describe('the event stream of a job', () => {
  test('is its whole log, in order, to its end', async () => {
    const jobId = await submit({ question: '700' });
    const events = await read(jobId);
    assert.deepEqual(
      events.map(({ seq }) => seq),
      events.map((_, place) => place + 1),
    );
    assert.deepEqual(
      [events[0]?.type, events[1]?.type, events.at(-1)?.type],
      ['job.submitted', 'job.started', 'job.completed'],
    );
    assert.equal(events.length, 703);
    assert.ok(events.every(({ job_id, at }) => job_id === jobId && at > 1e12));
    assert.deepEqual(events[2]?.message, { role: 'assistant', content: [{ type: 'text', text: 'm0\n\n' }] });
  });

  test('resumed at any cursor is exactly the rest of the log', async () => {
    const jobId = await submit({ question: '300' });
    const whole = await read(jobId);
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 0, max: whole.length }), async (afterSeq) => {
        assert.deepEqual(await read(jobId, { afterSeq }), whole.slice(afterSeq));
      }),
      { numRuns: 40, examples: [[0], [whole.length - 1], [whole.length]] },
    );
  });

  test('holds the events of that job only, whatever its session did before and after', async () => {
    const session = randomUUID();
    const ids = [];
    for (const question of ['30', '20', '40']) ids.push(await submit({ question, session_id: session }));
    const streams = await Promise.all(ids.map(async (jobId) => await read(jobId)));
    assert.deepEqual(
      streams.map(({ length }) => length),
      [33, 23, 43],
    );
    const seqs = streams
      .flat()
      .map(({ seq }) => seq)
      .toSorted((a, b) => a - b);
    assert.deepEqual(
      seqs,
      seqs.map((_, place) => place + 1),
    );
    const [, second = ''] = ids;
    const middle = streams[1]?.[10];
    assert.ok(middle);
    assert.deepEqual(await read(second, { afterSeq: middle.seq }), streams[1]?.slice(11));
  });

  test('is the same on two nodes while the job runs', async () => {
    const { session, open } = gatedSession();
    const jobId = await submit({ question: '400', session_id: session });
    const here = read(jobId);
    const there = read(jobId, { url: otherNode.url });
    await read(jobId, { take: 150 });
    open();
    const [one, two] = await Promise.all([here, there]);
    assert.equal(one.length, 403);
    assert.deepEqual(two, one);
  });

  test('taken in 50 pieces, on both nodes, while the job runs, is exactly the log', async () => {
    const { session, open } = gatedSession();
    const jobId = await submit({ question: '500', session_id: session });
    const pieces: StreamedEvent[] = [];
    for (let piece = 0; piece < 50; piece += 1) {
      const url = piece % 2 === 0 ? api.url : otherNode.url;
      const last = pieces.at(-1);
      if (piece === 20) open();
      pieces.push(
        ...(await read(jobId, { url, take: 1 + ((piece * 7) % 11), ...(last ? { afterSeq: last.seq } : {}) })),
      );
    }
    pieces.push(...(await read(jobId, { afterSeq: pieces.at(-1)?.seq ?? 0 })));
    assert.equal(pieces.length, 503);
    assert.deepEqual(pieces, await read(jobId));
  });

  test('ends at once when nothing is left after the cursor', async () => {
    const jobId = await submit({ question: '1' });
    const whole = await read(jobId);
    assert.deepEqual(await read(jobId, { afterSeq: whole.length }), []);
    const later = await submit({ question: '5', session_id: 'later' });
    await read(later);
    assert.deepEqual(
      (await read(jobId)).map(({ seq }) => seq),
      whole.map(({ seq }) => seq),
    );
  });

  test('of a job that was canceled while it waited ends with that', async () => {
    const jobId = await submit({ question: '1', schedule_at: Math.floor(Date.now() / 1_000) + 3_600 });
    const stream = read(jobId);
    await send(api.url, { method: 'DELETE', path: `/jobs/${jobId}`, headers: bearer(credential) });
    assert.deepEqual(
      (await stream).map(({ type }) => type),
      ['job.submitted', 'job.canceled'],
    );
  });
});

describe('the cursor', () => {
  test('that is malformed, or beyond the newest event, is 400', async () => {
    const jobId = await submit({ question: '1' });
    const whole = await read(jobId);
    for (const cursor of ['x', '-1', '1.5', '1e3', '99999999999999999999', String(whole.length + 1)]) {
      for (const headers of [{ 'last-event-id': cursor }, { 'last-event-id': cursor, accept: 'application/json' }]) {
        const answer = await get(`/jobs/${jobId}/events`, headers);
        assert.equal(answer.status, 400, cursor);
        assert.match(String(answer.json['error']), new RegExp(`^Invalid cursor: found "${cursor}", expected `));
      }
      assert.equal((await get(`/jobs/${jobId}/events?after=${cursor}`)).status, 400, cursor);
    }
  });

  test('that is older than what is kept is 410 with where to go on, and a reader from the start gets what is left', async () => {
    const jobId = await submit({ question: '20' });
    const whole = await read(jobId);
    await rowsOf(api.databaseUrl)(`update events set at = at - interval '2 days' where job_id = $1 and seq <= 10`, [
      jobId,
    ]);
    await pruneEvents(api.context.db, { olderThanMs: 86_400_000, sessions: 10 });
    for (const cursor of ['1', '9']) {
      const answer = await get(`/jobs/${jobId}/events`, { 'last-event-id': cursor });
      assert.equal(answer.status, 410);
      assert.match(String(answer.json['error']), /before seq 11 are no longer kept; .*Resume with Last-Event-ID 10 /);
    }
    assert.deepEqual(await read(jobId, { afterSeq: 10 }), whole.slice(10));
    assert.deepEqual(await read(jobId), whole.slice(10));
  });

  test('may come as ?after=, but the header of a client that resumes wins', async () => {
    const jobId = await submit({ question: '1' });
    const whole = await read(jobId);
    const idsOf = (text: string): string[] => [...text.matchAll(/^id: (\d+)\nevent/gm)].map(([, id = '']) => id);
    assert.deepEqual(idsOf((await get(`/jobs/${jobId}/events?after=2`)).text), ['3', '4']);
    assert.deepEqual(idsOf((await get(`/jobs/${jobId}/events?after=0`, { 'last-event-id': '3' })).text), ['4']);
    assert.equal(whole.length, 4);
  });
});

describe('the events of a job as JSON', () => {
  test('come in pages that together are the stream', async () => {
    const jobId = await submit({ question: '90' });
    const whole = await read(jobId);
    const pages: unknown[] = [];
    for (let after = 0; ; ) {
      const page = await get(`/jobs/${jobId}/events?after=${after}&limit=25`, { accept: 'application/json' });
      const { ok, events, next_after: next } = page.json as { ok: boolean; events: unknown[]; next_after: number };
      assert.deepEqual([page.status, ok], [200, true]);
      if (events.length === 0) {
        assert.equal(next, after);
        break;
      }
      pages.push(...events);
      after = next;
    }
    assert.deepEqual(pages, whole);
  });

  test('take limits from 1 to 1000', async () => {
    const jobId = await submit({ question: '1' });
    for (const limit of ['0', '1001', 'x', '-1', '1.5']) {
      const answer = await get(`/jobs/${jobId}/events?limit=${limit}`, { accept: 'application/json' });
      assert.deepEqual(
        [answer.status, answer.json['error']],
        [400, `Invalid value for limit: found "${limit}", expected a whole number from 1 to 1000.`],
      );
    }
  });
});
