import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { test } from 'node:test';
import type { Runtime } from '../../src/runtimes/runtime.ts';
import { startApi } from '../support/api.ts';
import { bearer } from '../support/api-client.ts';
import { runResult } from '../support/node.ts';
import { allJobsEnded, rowsOf } from '../support/rows.ts';
import { assertError, Caller } from '../wire/jobs/target.ts';

/** Says that it runs, and ends at the gate or when it is stopped. */
const gatedRuntime = (): { readonly runtime: Runtime; readonly begun: Promise<void>; readonly open: () => void } => {
  const begun = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  const runtime: Runtime = {
    name: 'echo',
    async run({ signal }) {
      begun.resolve();
      const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
      await Promise.race([gate.promise, stopped]);
      return runResult('through the gate');
    },
  };
  return { runtime, begun: begun.promise, open: gate.resolve };
};

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
