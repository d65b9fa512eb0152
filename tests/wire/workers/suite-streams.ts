import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ABSENT_ID, assertError, Caller, readParts, type Target, typesOf } from './target.ts';

/** Conformance checks 13 to 16 and 18 to 23: event streams. */
export const defineStreamChecks = (target: Target): void => {
  const caller = new Caller(target);
  const isStream = (headers: Readonly<Record<string, unknown>>) =>
    String(headers['content-type']).startsWith('text/event-stream');

  test('13. what Accept says decides between JSON and a stream', async () => {
    const cases: readonly [Readonly<Record<string, string>>, boolean, boolean][] = [
      [{ accept: 'application/json' }, true, false],
      [{ accept: 'application/json; version=0.14' }, true, false],
      [{ accept: 'text/event-stream' }, true, true],
      [{ accept: 'text/event-stream' }, false, true],
      [{ accept: 'application/json, text/event-stream' }, false, true],
      [{ accept: '*/*' }, true, true],
      [{}, true, true],
      [{ accept: '*/*' }, false, false],
      [{}, false, false],
    ];
    const { id } = await caller.worked('true');
    for (const path of ['/api/workers', `/api/workers/${id}`]) {
      // Both have one rule; the whole table is for one of them.
      for (const [headers, stream, expected] of path === '/api/workers' ? cases : cases.slice(0, 3)) {
        const answer = await caller.stream(path, { method: 'POST', headers, body: { input: 'echo hi', stream } });
        assert.equal(answer.status, 200, answer.text);
        assert.equal(isStream(answer.headers), expected, JSON.stringify([path, headers, stream]));
        assert.ok(answer.headers['x-worker-id'] && answer.headers['x-job-id']);
        if (expected) assert.equal(typesOf(answer.text).at(-1), 'finish');
      }
    }
  });

  test('14. GET {id}?stream= follows the same rule; another value is 400', async () => {
    const { id } = await caller.worked('echo hi');
    const path = `/api/workers/${id}`;
    const types = async (search: string, headers: Readonly<Record<string, string>> = {}) =>
      isStream((await caller.stream(path + search, { headers })).headers);
    assert.equal(await types('?stream=true'), true);
    assert.equal(await types('?stream=true', { accept: 'application/json' }), false);
    assert.equal(await types('?stream=false'), false);
    assert.equal(await types('', { accept: 'text/event-stream' }), true);
    assert.equal(await types(''), false);
    for (const value of ['maybe', '1', '']) {
      assertError(await caller.get(`${path}?stream=${value}`), 400, 'invalid_request', 'stream must be true or false');
    }
  });

  test('15. a stream has start first and finish last, is closed then, and numbers each log entry once', async () => {
    const { id, metadata } = await caller.create({ input: 'echo one > a.txt; sleep 0.3; echo said' });
    const { text, headers } = await caller.stream(`/api/workers/${id}/stream`);
    assert.ok(isStream(headers));
    const parts = readParts(text);
    assert.deepEqual(
      parts.map(({ part }) => part.type),
      ['start', 'text-start', 'text-delta', 'text-end', 'file', 'finish'],
    );
    assert.deepEqual(parts[0]?.part['messageMetadata'], { worker_id: id, job_id: metadata.job_id });
    assert.deepEqual(parts.at(-1)?.part, {
      type: 'finish',
      finishReason: 'stop',
      messageMetadata: { job_id: metadata.job_id, job_status: 'complete' },
    });
    // The three parts of one message are one log entry.
    assert.deepEqual(
      parts.map(({ id: number }) => number !== null),
      [true, false, false, true, true, true],
    );
  });

  test('16. no event is empty, named, or [DONE]; a heartbeat comes at once when nothing is ready', async () => {
    const { id } = await caller.create({ input: 'sleep 0.3; echo x' });
    const { text } = await caller.stream('/api/workers/' + id, {
      method: 'POST',
      headers: { accept: 'text/event-stream' },
      body: { input: 'echo y' },
    });
    assert.ok(text.startsWith(': hb\n'), text.slice(0, 80));
    assert.doesNotMatch(text, /^event:|\[DONE\]|^data:\s*$|^retry:|: hb\n\n/m);
    assert.equal(typesOf(text).at(-1), 'finish');
  });

  test('18. numbers grow; cutting after any of them and resuming gives the rest', async () => {
    const { id } = await caller.worked('echo one > a.txt; echo one');
    await caller.ended((await caller.continue(id, { input: 'echo two; exit 1' })).id);
    const path = `/api/workers/${id}/stream`;
    const whole = readParts((await caller.stream(path, { headers: { 'last-event-id': '0' } })).text);
    const numbers = whole.flatMap(({ id: number }) => (number === null ? [] : [number]));
    assert.deepEqual(
      numbers,
      [...new Set(numbers)].toSorted((one, other) => one - other),
    );
    assert.equal(whole.filter(({ part }) => part.type === 'finish').length, 2);
    for (const number of numbers.slice(0, -1)) {
      const { text } = await caller.stream(path, { headers: { 'last-event-id': String(number) } });
      const at = whole.findIndex((part) => part.id === number);
      assert.deepEqual(readParts(text), whole.slice(at + 1), `after ${number}`);
    }
  });

  test('18. a stream that is cut while its turn runs goes on where it was cut', async () => {
    const { id } = await caller.create({ input: 'sleep 0.5; echo late' });
    const path = `/api/workers/${id}/stream`;
    const first = await caller.stream(path, { until: (text) => text.includes('"start"') && text.includes('id: ') });
    const last = readParts(first.text).at(-1)?.id;
    const rest = await caller.stream(path, { headers: { 'last-event-id': String(last) } });
    assert.deepEqual(typesOf(rest.text), ['text-start', 'text-delta', 'text-end', 'finish']);
  });

  test('19. an idle worker streams its newest turn; after its last number there is nothing: 204', async () => {
    const { id } = await caller.worked('echo one');
    await caller.ended((await caller.continue(id, { input: 'echo two' })).id);
    const path = `/api/workers/${id}/stream`;
    const { text } = await caller.stream(path);
    assert.match(text, /two/);
    assert.doesNotMatch(text, /one/);
    const last = readParts(text).at(-1)?.id ?? 0;
    for (const number of [last, last + 1_000]) {
      const nothing = await caller.stream(path, { headers: { 'last-event-id': String(number) } });
      assert.deepEqual([nothing.status, nothing.text], [204, '']);
    }
  });

  test('20. a Last-Event-ID that is no integer is 400, and errors before the stream are JSON', async () => {
    const { id } = await caller.worked('true');
    for (const value of ['x', '-1', '1.5', '']) {
      assertError(await caller.get(`/api/workers/${id}/stream`, { 'last-event-id': value }), 400, 'invalid_request');
    }
    const headers = { accept: 'text/event-stream' };
    assertError(await caller.get(`/api/workers/${ABSENT_ID}/stream`, headers), 404, 'not_found', 'Worker not found');
  });

  test('21. a failed turn streams error, then finish with error; a canceled one abort', async () => {
    const failed = await caller.worked('echo oops >&2; exit 1');
    const parts = readParts((await caller.stream(`/api/workers/${failed.id}/stream`)).text);
    const [error, finish] = parts.slice(-2);
    assert.match(String(error?.part['errorText']), /oops/);
    assert.deepEqual([error?.part.type, finish?.part.type, finish?.part['finishReason']], ['error', 'finish', 'error']);
    const metadata = { job_id: failed.metadata.job_id, job_status: 'failed', error: failed.metadata['error'] };
    assert.deepEqual(finish?.part['messageMetadata'], metadata);

    const { id, metadata: of } = await caller.create({ input: 'sleep 30' });
    const live = caller.stream(`/api/workers/${id}/stream`);
    await caller.send({ method: 'DELETE', path: `/jobs/${of.job_id}` });
    assert.deepEqual(readParts((await live).text).at(-1)?.part, { type: 'abort', reason: 'Canceled' });
  });

  test('21. a turn that is canceled in the queue does not end the stream of the one before it', async () => {
    const { id } = await caller.create({ input: 'sleep 0.5; echo first' });
    const { metadata } = await caller.continue(id, { input: 'echo second' });
    const live = caller.stream(`/api/workers/${id}/stream`);
    await caller.send({ method: 'DELETE', path: `/jobs/${metadata.job_id}` });
    const text = (await live).text;
    assert.deepEqual(
      typesOf(text).filter((type) => ['start', 'finish', 'abort'].includes(type)),
      ['start', 'finish'],
    );
    assert.match(text, /first/);
  });

  test('22. the headers of a stream; it is not compressed', async () => {
    const { id } = await caller.worked('true');
    const { headers } = await caller.stream(`/api/workers/${id}/stream`, { headers: { 'accept-encoding': 'gzip' } });
    assert.equal(headers['content-type'], 'text/event-stream; charset=utf-8');
    assert.equal(headers['cache-control'], 'no-cache, no-transform');
    assert.equal(headers['x-accel-buffering'], 'no');
    assert.equal(headers['x-vercel-ai-ui-message-stream'], 'v1');
    assert.equal(headers['content-encoding'], undefined);
  });

  test('23. closing the connection does not stop the turn', async () => {
    const options = {
      method: 'POST',
      headers: { accept: 'text/event-stream' },
      body: { input: 'sleep 0.3; echo done' },
    };
    const cut = await caller.stream('/api/workers', { ...options, until: (text) => text.includes('"start"') });
    const worker = await caller.ended(String(cut.headers['x-worker-id']));
    assert.deepEqual([worker.metadata.job_status, worker.output_text.trim()], ['complete', 'done']);
  });

  test('a busy worker streams its turn and all that wait, in one stream', async () => {
    const { id } = await caller.create({ input: 'sleep 0.3; echo one' });
    await caller.continue(id, { input: 'echo two' });
    const { text } = await caller.stream(`/api/workers/${id}/stream`);
    const told = readParts(text).map(({ part }) => part.type);
    assert.deepEqual(told, [
      'start',
      'text-start',
      'text-delta',
      'text-end',
      'finish',
      'start',
      'text-start',
      'text-delta',
      'text-end',
      'finish',
    ]);
  });
};
