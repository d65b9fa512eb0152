import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { describe, type TestContext, test } from 'node:test';
import { startApi } from '../support/api.ts';
import { bearer, send } from '../support/api-client.ts';
import { administer } from '../support/test-server.ts';

const api = await startApi({ runsJobs: false });
const admin = bearer(api.adminKey);

/** Sends bytes as they are and reads until the server closes. */
const sendBytes = async (bytes: string): Promise<string> => {
  const socket = connect(Number(new URL(api.url).port), '127.0.0.1');
  socket.setEncoding('utf8');
  let text = '';
  socket.on('data', (chunk: string) => {
    text += chunk;
  });
  socket.write(bytes);
  await once(socket, 'close');
  return text;
};

describe('bodies', () => {
  const oversized = Buffer.alloc(4 * 1024 * 1024 + 1, ' ');

  test('of more than 4 MiB are 413, before anything else', async () => {
    const answer = await send(api.url, { method: 'POST', path: '/submit', body: oversized });
    assert.deepEqual([answer.status, answer.text], [413, '{"ok":false,"error":"Request body too large"}']);
    assert.equal(answer.headers['access-control-allow-origin'], '*');
  });

  test('of more than 4 MiB without a length are 413 too', async () => {
    const response = await fetch(`${api.url}/submit`, {
      method: 'POST',
      body: new Blob([oversized]).stream(),
      duplex: 'half',
    });
    assert.deepEqual([response.status, await response.json()], [413, { ok: false, error: 'Request body too large' }]);
  });

  /** Writes all of a request with a large body before it reads anything; gives all that comes back. */
  const writeAll = async (head: string, then = ''): Promise<string> => {
    const socket = connect(Number(new URL(api.url).port), '127.0.0.1');
    socket.setEncoding('utf8');
    // Each write has its error, too.
    socket.on('error', () => undefined);
    let text = '';
    socket.on('data', (chunk: string) => {
      text += chunk;
    });
    const length = 40 * 1024 * 1024;
    const write = async (bytes: string | Buffer): Promise<void> =>
      await new Promise((resolve, reject) => {
        socket.write(bytes, (error) => (error ? reject(error) : resolve()));
      });
    await write(`${head}\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`);
    for (let written = 0; written < length; written += 1024 * 1024) await write(Buffer.alloc(1024 * 1024, ' '));
    if (then !== '') await write(then);
    await once(socket, 'close');
    return text;
  };

  test('of 40 MiB reach their end, and what is left of them is not in the way of the next request', async () => {
    const next = 'GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
    const text = await writeAll('POST /submit HTTP/1.1', next);
    assert.match(text, /^HTTP\/1\.1 413 [^]*Request body too large"\}HTTP\/1\.1 200 /);
  });

  test('of 40 MiB reach their end where the client wants the connection closed, with or without a credential', async () => {
    const head = 'POST /api/workers HTTP/1.1\r\nConnection: close';
    assert.match(await writeAll(`${head}\r\nAuthorization: Bearer ${api.adminKey}`), /^HTTP\/1\.1 413 /);
    assert.match(await writeAll(head), /^HTTP\/1\.1 401 /);
  });

  test('of exactly 4 MiB are read', async () => {
    const body = Buffer.concat([Buffer.from('{"question":"x","agent_type":"echo"}'), oversized]).subarray(
      0,
      4 * 1024 * 1024,
    );
    assert.equal((await send(api.url, { method: 'POST', path: '/submit', headers: admin, body })).status, 200);
  });

  test('that are nested too deeply are refused, not crashed on', async () => {
    for (const depth of [600, 1_000_000]) {
      const body = `{"question":"x","metadata":{"a":${'['.repeat(depth)}${']'.repeat(depth)}}}`;
      const answer = await send(api.url, { method: 'POST', path: '/submit', headers: admin, body });
      assert.deepEqual([answer.status, answer.text], [400, '{"ok":false,"error":"Invalid job submission body"}']);
    }
  });

  test('with NUL and lone surrogates are stored with replacement characters', async () => {
    const body = '{"question":"a\\u0000b\\ud800","agent_type":"echo","metadata":{"k\\u0000":"\\udfff"}}';
    const made = await send(api.url, { method: 'POST', path: '/submit', headers: admin, body });
    const job = await send(api.url, { path: `/jobs/${String(made.json['job_id'])}`, headers: admin });
    assert.deepEqual([job.json['question'], job.json['metadata']], ['a\ufffdb\ufffd', { 'k\ufffd': '\ufffd' }]);
  });
});

describe('requests that are not HTTP as it should be', () => {
  const assertEnvelope = (text: string, status: number): void => {
    assert.match(text, new RegExp(`^HTTP/1.1 ${status} `));
    assert.match(text, /\r\nAccess-Control-Allow-Origin: \*\r\n/i);
    assert.match(text, /\r\nX-Request-Id: [0-9a-f-]{36}\r\n/i);
    assert.match(text, /\r\n\r\n\{"ok":false,"error":"[^"]+"\}$/);
  };

  test('are 400 in our own envelope', async () => {
    assertEnvelope(await sendBytes('NONSENSE\r\n\r\n'), 400);
    assertEnvelope(await sendBytes('GET / HTTP/1.1\r\nHost: a\r\nBad Header: x\r\n\r\n'), 400);
  });

  test('with too large headers or URLs are 431', async () => {
    assertEnvelope(await sendBytes(`GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`), 431);
    assertEnvelope(await sendBytes(`GET /${'x'.repeat(20_000)} HTTP/1.1\r\nHost: a\r\n\r\n`), 431);
  });

  test('with a wrong Content-Length get no framework error', async () => {
    const text = await sendBytes('POST /submit HTTP/1.1\r\nHost: a\r\nContent-Length: nope\r\n\r\n');
    assertEnvelope(text, 400);
  });
});

describe('the request id', () => {
  test("is the client's own when it is harmless, else a new one", async () => {
    const idOf = async (id: string) =>
      (await send(api.url, { path: '/health', headers: { 'x-request-id': id } })).headers['x-request-id'];
    assert.equal(await idOf('a.B:c_1-2'), 'a.B:c_1-2');
    for (const bad of ['a b', 'x'.repeat(129), '', '<script>'])
      assert.match(String(await idOf(bad)), /^[0-9a-f-]{36}$/);
  });
});

describe('a defect', () => {
  test('is a bare 500; its cause goes to the log under the request id, without the query string', async (t) => {
    const logLines: string[] = [];
    const broken = await startApi({ runsJobs: false, logLines }, t);
    await administer(broken.databaseUrl, async (client) => await client.query('alter table jobs rename to lost'));
    const headers = { ...bearer(broken.adminKey), 'x-request-id': 'defect-1' };
    const answer = await send(broken.url, { path: '/jobs?token=kz_secret', headers });
    assert.deepEqual([answer.status, answer.text], [500, '{"ok":false,"error":"Internal error"}']);
    const line = logLines.find((text) => text.includes('defect-1')) ?? '';
    assert.match(line, /relation \\"jobs\\" does not exist/);
    assert.match(line, /"path":"\/jobs"/);
    assert.ok(!logLines.some((text) => text.includes('kz_secret')));
  });
});

describe('health', () => {
  test('/healthz says that the process is alive, /readyz that it can work', async () => {
    assert.deepEqual((await send(api.url, { path: '/healthz' })).json, { ok: true });
    const ready = await send(api.url, { path: '/readyz' });
    assert.deepEqual([ready.status, ready.json], [200, { ok: true, reasons: [] }]);
  });

  test('/readyz is 503 with the reasons', async (t) => {
    const sick = await startApi({ databaseUrl: api.databaseUrl, runsJobs: false, reasons: ['No claims'] }, t);
    const ready = await send(sick.url, { path: '/readyz' });
    assert.deepEqual([ready.status, ready.json], [503, { ok: false, reasons: ['No claims'] }]);
  });
});

test('a node that only runs jobs answers for its health, and nothing else', async (t) => {
  const runner = await startApi({ runsJobs: false, servesApi: false }, t);
  const statusOf = async (path: string): Promise<number> =>
    (await send(runner.url, { method: 'GET', path, headers: bearer(runner.adminKey) })).status;
  assert.deepEqual(
    await Promise.all(['/health', '/healthz', '/readyz', '/jobs', '/keys', '/submit'].map(statusOf)),
    [200, 200, 200, 404, 404, 404],
  );
});

describe('a server that drains', () => {
  const startDraining = async (t: TestContext) => await startApi({ databaseUrl: api.databaseUrl, runsJobs: false }, t);

  test('refuses new work with 503 and Retry-After, answers reads, and closes its connections', async (t) => {
    const node = await startDraining(t);
    const submit = async () =>
      await send(node.url, {
        method: 'POST',
        path: '/submit',
        headers: bearer(node.adminKey),
        body: { question: 'x', agent_type: 'echo' },
      });
    const made = await submit();
    node.drain();
    const refused = await submit();
    assert.deepEqual([refused.status, refused.text], [503, '{"ok":false,"error":"Server is shutting down"}']);
    assert.equal(refused.headers['retry-after'], '1');
    const read = await send(node.url, { path: `/jobs/${String(made.json['job_id'])}`, headers: bearer(node.adminKey) });
    assert.deepEqual([read.status, read.headers.connection], [200, 'close']);
    assert.equal((await send(node.url, { path: '/readyz' })).status, 503);
  });

  test('ends its streams with their cursor, so that close() does not wait for them', async (t) => {
    const node = await startDraining(t);
    const headers = bearer(node.adminKey);
    const body = { question: 'x', agent_type: 'echo' };
    const made = await send(node.url, { method: 'POST', path: '/submit', headers, body });
    const response = await fetch(`${node.url}/jobs/${String(made.json['job_id'])}/events`, { headers });
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
    assert.ok(reader);
    let text = '';
    while (!text.includes('job.submitted')) text += (await reader.read()).value ?? '';
    const closed = node.server.close();
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) text += chunk.value;
    await closed;
    assert.match(text, /\n\nid: 1\n\n$/);
  });
});
