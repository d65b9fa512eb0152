import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { RunContext } from '../../src/runtimes/runtime.ts';
import { startApi, type TestApi } from '../support/api.ts';
import { bearer, send, UPGRADE } from '../support/api-client.ts';
import { chattyRuntime } from '../support/chatty-runtime.ts';
import { readStream } from '../support/event-stream.ts';
import { runResult } from '../support/node.ts';
import { rowsOf } from '../support/rows.ts';
import { eventually } from '../support/signals.ts';
import { type Frame, SocketClient } from '../support/socket-client.ts';

const submit = async (api: TestApi, session: string, question: string): Promise<string> => {
  const body = { question, agent_type: 'echo', session_id: session };
  const answer = await send(api.url, { method: 'POST', path: '/submit', headers: bearer(api.adminKey), body });
  assert.equal(answer.status, 200, answer.text);
  return String(answer.json['job_id']);
};
const openStream = async (api: TestApi, query: string): Promise<SocketClient> => {
  const client = await SocketClient.open(api.url, `/query_stream?${query}`, api.adminKey);
  await client.next('connection_ack');
  return client;
};
/** Opens the gate of a runtime from outside. */
const makeGate = (): { readonly wait: () => Promise<void>; readonly open: () => void } => {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { wait: async () => await promise, open: () => resolve() };
};
const RECONNECTS = 50;
/** How many entries each connection takes before it breaks. */
const takes = (seed: number): number[] => fc.sample(fc.integer({ min: 1, max: 14 }), { numRuns: RECONNECTS, seed });

describe('a client that comes back', () => {
  test('has each frame of a session once and in order, wherever its connections broke', async (t) => {
    const gate = makeGate();
    const api = await startApi({ runtimes: [chattyRuntime(gate.wait)] }, t);
    const session = randomUUID();
    const whole = await openStream(api, `session_id=${session}&after=`);
    await submit(api, session, '800');
    const seed = Date.now();
    const got: Frame[] = [];
    let cursor = '0';
    for (const [number, count] of takes(seed).entries()) {
      if (number === RECONNECTS / 2) gate.open();
      const client = await openStream(api, `session_id=${session}&after=${cursor}`);
      // Before the gate opens there may be nothing more to come.
      if (number >= RECONNECTS / 2 || got.length < 300) await client.count(count + 1);
      client.webSocket.terminate();
      await client.closed;
      const frames = client.frames.slice(1);
      got.push(...frames);
      cursor = frames.at(-1)?.cursor ?? cursor;
    }
    const last = await openStream(api, `session_id=${session}&after=${cursor}`);
    if (got.at(-1)?.type !== 'query_complete') await last.next('query_complete');
    got.push(...last.frames.slice(1));
    await whole.next('query_complete');
    assert.deepEqual(got, whole.frames.slice(1), `seed ${seed}`);
    assert.ok(got.length > 800);
    await Promise.all([last.close(), whole.close()]);
  });

  test('has each event of a job once and in order by SSE, wherever its connections broke', async (t) => {
    const gate = makeGate();
    const api = await startApi({ runtimes: [chattyRuntime(gate.wait)] }, t);
    const jobId = await submit(api, randomUUID(), '800');
    const request = { url: api.url, credential: api.adminKey, jobId };
    const seed = Date.now();
    const seqs: number[] = [];
    for (const [number, count] of takes(seed).entries()) {
      if (number === 10) gate.open();
      const afterSeq = seqs.at(-1);
      const take = number < 10 ? Math.min(count, 9) : count;
      const events = await readStream({ ...request, take, ...(afterSeq === undefined ? {} : { afterSeq }) });
      seqs.push(...events.map(({ seq }) => seq));
    }
    seqs.push(...(await readStream({ ...request, afterSeq: seqs.at(-1) ?? 0 })).map(({ seq }) => seq));
    const whole = await readStream(request);
    assert.deepEqual(
      seqs,
      whole.map(({ seq }) => seq),
      `seed ${seed}`,
    );
  });

  test('is told where the log begins when its cursor is too old, and goes on from there', async (t) => {
    const api = await startApi({}, t);
    const session = randomUUID();
    const first = await openStream(api, `session_id=${session}&after=`);
    await submit(api, session, 'one');
    await first.next('query_complete');
    await rowsOf(api.databaseUrl)('delete from events where seq <= 3');
    const back = await openStream(api, `session_id=${session}&after=1`);
    const { data } = await back.next('execution_state');
    assert.deepEqual([data['event'], data['first_seq']], ['cursor_expired', 4]);
    await back.next('query_complete');
    assert.equal(back.frames[2]?.seq, 4);
    const ahead = await openStream(api, `session_id=${session}&after=99`);
    assert.equal((await ahead.next('execution_state')).data['event'], 'invalid_cursor');
    for (const after of ['x', '1.', '0.1', '-1', 'other:1', `${session}:`]) {
      const headers = { ...bearer(api.adminKey), ...UPGRADE };
      const path = `/query_stream?session_id=${session}&after=${after}`;
      assert.equal((await send(api.url, { path, headers })).status, 400, after);
    }
    await Promise.all([first, back, ahead].map(async (client) => await client.close()));
  });
});

describe('a client that does not read', () => {
  const TOTAL = 14;
  const text = 'x'.repeat(1_000_000);
  const loud = {
    name: 'echo',
    run: async (context: RunContext) => {
      for (let number = 0; number < TOTAL; number += 1) {
        const content = [{ type: 'text', text: `${number} ${text}` }] as const;
        await context.write([{ type: 'message.created', message: { role: 'assistant', content } }]);
      }
      return runResult('done');
    },
  } as const;

  test('is closed with the words to resume, and misses nothing', async (t) => {
    const logLines: string[] = [];
    const sockets = { bufferBytes: 100_000, slowMs: 50 };
    const api = await startApi({ runtimes: [loud], sockets, logLines }, t);
    const session = randomUUID();
    const slow = await openStream(api, `session_id=${session}&after=`);
    slow.webSocket.pause();
    await submit(api, session, 'loud');
    await eventually('the slow socket to be given up', () => logLines.some((line) => line.includes('slow socket')));
    slow.webSocket.resume();
    const [code, reason] = await slow.closed;
    const cursor = slow.frames.at(-1)?.cursor;
    assert.equal(code, 4_008);
    assert.equal(reason, `slow consumer, resume with after=${cursor}`);
    const back = await openStream(api, `session_id=${session}&after=${cursor}`);
    await back.next('query_complete');
    const said = [...slow.frames, ...back.frames].filter(({ type }) => type === 'assistant_message');
    const numbers = said.map(({ data }) => Number.parseInt(String(data['content']), 10));
    assert.deepEqual(
      numbers,
      Array.from({ length: TOTAL }, (_, number) => number),
    );
    await back.close();
  });

  test('does not hold up those who read', async (t) => {
    const api = await startApi({ runtimes: [loud], sockets: { bufferBytes: 100_000 } }, t);
    const session = randomUUID();
    const [slow, quick] = [
      await openStream(api, `session_id=${session}`),
      await openStream(api, `session_id=${session}`),
    ];
    slow.webSocket.pause();
    await submit(api, session, 'loud');
    await quick.next('query_complete');
    slow.webSocket.terminate();
    await quick.close();
  });

  test('is given up when it asks on and on without reading the answers', async (t) => {
    const logLines: string[] = [];
    const api = await startApi({ runsJobs: false, sockets: { bufferBytes: 1_000 }, logLines }, t);
    const client = await openStream(api, `session_id=${'s'.repeat(128)}`);
    client.webSocket.pause();
    const invalid = JSON.stringify({ a: 'x'.repeat(1_000) });
    await eventually('the socket to be given up', () => {
      for (let sent = 0; sent < 1_000 && client.webSocket.bufferedAmount < 10_000_000; sent += 1) client.send(invalid);
      return logLines.some((line) => line.includes('slow socket'));
    });
    client.webSocket.resume();
    assert.equal((await client.closed)[0], 4_008);
  });
});

describe('what a client sends', () => {
  test('never closes its socket and never breaks anything, whatever it is', async (t) => {
    const logLines: string[] = [];
    const api = await startApi({ runsJobs: false, logLines }, t);
    const stream = await openStream(api, 'session_id=fuzzed');
    const bus = await SocketClient.open(api.url, '/ws?session_id=fuzzed', api.adminKey);
    const known = fc.record(
      {
        type: fc.constantFrom<unknown>('query', 'pong', 'stop', 'subscribe_session', 'unsubscribe_session', 1, null),
        question: fc.oneof(fc.string({ unit: 'binary' }), fc.jsonValue()),
        agent_type: fc.oneof(fc.constantFrom('echo', 'nobody'), fc.jsonValue()),
        data: fc.oneof(
          fc.record({ session_id: fc.string() }),
          fc.record({ question: fc.string({ unit: 'binary' }) }),
          fc.jsonValue(),
        ),
        job_id: fc.oneof(fc.uuid(), fc.jsonValue()),
        fork_session: fc.oneof(fc.boolean(), fc.jsonValue()),
      },
      { requiredKeys: [] },
    );
    const frame = fc.oneof(
      known.map((value) => JSON.stringify(value)),
      fc.json(),
      fc.string({ unit: 'binary' }),
      fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
      fc.constantFrom('['.repeat(100_000), '{"data":'.repeat(100_000), `{"question":"${'\\u0000'.repeat(10)}"}`),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(frame, { minLength: 1, maxLength: 20 }), async (frames) => {
        for (const client of [stream, bus]) for (const each of frames) client.send(each);
        await Promise.all([stream.settle(), bus.settle()]);
      }),
      { numRuns: 100 },
    );
    assert.deepEqual(
      logLines.filter((line) => (JSON.parse(line) as { level: number }).level >= 40),
      [],
    );
    // Text that is not UTF-8.
    for (const client of [stream, bus]) {
      client.webSocket.send(Buffer.from([0x22, 0xff, 0x22]), { binary: false });
      assert.match(String((await client.next('execution_state')).data['error']), /not UTF-8/);
      await client.close();
    }
  });

  test('is refused before a socket opens when the handshake is none', async (t) => {
    const api = await startApi({ runsJobs: false }, t);
    for (const broken of [{ 'sec-websocket-key': 'short' }, { 'sec-websocket-version': '7' }]) {
      const headers = { ...bearer(api.adminKey), ...UPGRADE, ...broken };
      const answer = await send(api.url, { path: '/query_stream', headers });
      assert.deepEqual([answer.status, answer.text], [400, '{"ok":false,"error":"Malformed HTTP request"}']);
      assert.equal(answer.headers['access-control-allow-origin'], '*');
    }
  });
});

describe('an open socket', () => {
  const revoke = async (api: TestApi, secret: string): Promise<void> => {
    const headers = bearer(api.adminKey);
    const { json } = await send(api.url, { path: '/keys', headers });
    const key = (json['keys'] as { id: string; hint: string }[]).find(({ hint }) => secret.startsWith(hint));
    const answer = await send(api.url, { method: 'DELETE', path: `/keys/${key?.id}`, headers });
    assert.equal(answer.status, 200, answer.text);
  };

  test('is closed with 1008 when its API key is revoked, on whichever node', async (t) => {
    const api = await startApi({ runsJobs: false }, t);
    const other = await startApi({ runsJobs: false, databaseUrl: api.databaseUrl }, t);
    const secret = await api.key();
    const kept = await SocketClient.open(other.url, '/query_stream', api.adminKey);
    const clients = [
      await SocketClient.open(api.url, '/query_stream', secret),
      await SocketClient.open(other.url, '/query_stream', secret),
      await SocketClient.open(other.url, '/ws', secret),
    ];
    await revoke(api, secret);
    for (const client of clients) assert.deepEqual(await client.closed, [1_008, 'API key revoked']);
    await kept.settle();
    await kept.close();
  });

  test('is closed with 1001 when the server stops, and a new one is refused', async (t) => {
    const api = await startApi({ runsJobs: false }, t);
    const clients = [
      await SocketClient.open(api.url, '/query_stream', api.adminKey),
      await SocketClient.open(api.url, '/ws', api.adminKey),
    ];
    api.drain();
    for (const client of clients) assert.deepEqual(await client.closed, [1_001, 'Server is shutting down']);
    const headers = { ...bearer(api.adminKey), ...UPGRADE };
    const answer = await send(api.url, { path: '/query_stream', headers });
    assert.deepEqual([answer.status, answer.json['error']], [503, 'Server is shutting down']);
  });

  test('lives as long as its client answers pings, and is cut when it does not', async (t) => {
    const api = await startApi({ runsJobs: false, sockets: { pingMs: 40 } }, t);
    const alive = await openStream(api, 'session_id=pinged');
    const { hostname, port } = new URL(api.url);
    const mute = connect(Number(port), hostname);
    const lines = Object.entries({ host: hostname, ...UPGRADE, ...bearer(api.adminKey) });
    mute.write(`GET /query_stream HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`);
    mute.resume();
    await once(mute, 'close');
    await once(alive.webSocket, 'ping');
    await alive.settle();
    await alive.close();
  });

  test('of a key that may only read follows, and neither asks nor stops', async (t) => {
    const api = await startApi({}, t);
    const reader = await SocketClient.open(
      api.url,
      '/query_stream?session_id=read',
      await api.key({ scopes: ['read'] }),
    );
    reader.send({ question: 'x', agent_type: 'echo' });
    assert.equal((await reader.next('query_error')).data['error'], 'Submit scope required');
    reader.send({ type: 'stop' });
    assert.equal((await reader.next('execution_state')).data['ok'], false);
    await submit(api, 'read', 'by another');
    await reader.next('assistant_message', ({ data }) => data['content'] === 'by another');
    await reader.close();
  });

  test('counts against the rate limit when it is opened', async (t) => {
    const api = await startApi({ runsJobs: false, rateLimits: { sessionToken: 2, apiKey: null } }, t);
    const headers = { ...bearer(api.token({ tenantId: 't', userId: 'u' })), ...UPGRADE };
    for (const path of ['/query_stream', '/ws', '/events']) {
      const statuses = [];
      for (let number = 0; number < 3; number += 1) statuses.push((await send(api.url, { path, headers })).status);
      assert.deepEqual(statuses, [101, 101, 429], path);
    }
  });

  test('goes on when its client leaves: the run is not stopped', async (t) => {
    const gate = makeGate();
    const api = await startApi({ runtimes: [chattyRuntime(gate.wait)] }, t);
    const asker = await openStream(api, 'session_id=left');
    const watcher = await openStream(api, 'session_id=left');
    asker.send({ question: '20', agent_type: 'echo' });
    await asker.next('query_start');
    await asker.close();
    gate.open();
    await watcher.next('query_complete');
    await watcher.close();
  });
});
