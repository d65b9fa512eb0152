import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { test } from 'node:test';
import type { Runtime } from '../../src/runtimes/runtime.ts';
import { startApi } from '../support/api.ts';
import { bearer } from '../support/api-client.ts';
import { gatedRuntime } from '../support/gated-runtime.ts';
import { runResult } from '../support/node.ts';
import { allJobsEnded, rowsOf } from '../support/rows.ts';
import { assertError, Caller } from '../wire/jobs/target.ts';

test('a query that takes too long is 504, and its run is stopped for good', async (t) => {
  const { runtime } = gatedRuntime();
  const api = await startApi({ runtimes: [runtime], queryTimeoutMs: 300 }, t);
  const caller = new Caller({ url: api.url, signingSecret: api.signingSecret, apiKey: api.adminKey });
  assertError(await caller.query({ session_id: 'slow' }), 504, 'Query timed out after 0.3 seconds');
  await allJobsEnded(rowsOf(api.databaseUrl), 10_000);
  const jobs = await rowsOf(api.databaseUrl)<{ state: string }>('select state from jobs');
  assert.deepEqual(jobs, [{ state: 'canceled' }]);
});

test('a query goes on without its client, who gets the answer by asking again with the same key', async (t) => {
  const { runtime, begun, open } = gatedRuntime();
  const api = await startApi({ runtimes: [runtime] }, t);
  const caller = new Caller({ url: api.url, signingSecret: api.signingSecret, apiKey: api.adminKey });
  const question = { question: 'hi', agent_type: 'echo', session_id: 'left' };
  const headers = { 'idempotency-key': randomUUID() };
  const first = request(`${api.url}/query`, { method: 'POST', headers: { ...headers, ...bearer(api.adminKey) } });
  const broken = new Promise((resolve) => first.once('error', resolve));
  first.end(JSON.stringify(question));
  await begun;
  first.destroy();
  await broken;
  open();
  const again = await caller.query(question, headers);
  const { text } = again.json['summary'] as { readonly text: string };
  assert.deepEqual([again.status, text, again.headers['idempotency-replayed']], [200, 'through the gate', 'true']);
});

test('a query is 503 while no node runs jobs, and leaves nothing behind', async (t) => {
  const api = await startApi({ runsJobs: false }, t);
  const caller = new Caller({ url: api.url, signingSecret: api.signingSecret, apiKey: api.adminKey });
  const answer = await caller.query({ session_id: 'nobody-runs' });
  assert.deepEqual([answer.status, answer.headers['retry-after']], [503, '1']);
  assert.match(String(answer.json['error']), /^No runner is free/);
  assert.deepEqual(await rowsOf(api.databaseUrl)('select 1 from jobs'), []);
});

test('a query that no runner began in time is 503, and never runs', async (t) => {
  const { runtime, begun } = gatedRuntime();
  const api = await startApi({ runtimes: [runtime], queryTimeoutMs: 400 }, t);
  const caller = new Caller({ url: api.url, signingSecret: api.signingSecret, apiKey: api.adminKey });
  const first = await caller.submitJob({ session_id: 'taken' });
  await begun;
  const answer = await caller.query({ session_id: 'taken', if_busy: 'enqueue' });
  assert.equal(answer.status, 503);
  await caller.cancel(first);
  await allJobsEnded(rowsOf(api.databaseUrl), 10_000);
  const jobs = await rowsOf(api.databaseUrl)<{ attempts: number }>('select attempts from jobs order by num');
  assert.deepEqual(jobs, [{ attempts: 1 }, { attempts: 0 }]);
});

test('a query whose model provider fails is 502 with what the provider said', async (t) => {
  const runtime: Runtime = {
    name: 'echo',
    async run() {
      const result = runResult('');
      const outcome = { ...result.outcome, isError: true, subtype: 'error', fault: 'provider' } as const;
      return await Promise.resolve({ ...result, state: 'failed', error: 'the provider answered 529', outcome });
    },
  };
  const api = await startApi({ runtimes: [runtime] }, t);
  const caller = new Caller({ url: api.url, signingSecret: api.signingSecret, apiKey: api.adminKey });
  assertError(await caller.query({}), 502, 'the provider answered 529');
});
