import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { startApi } from '../support/api.ts';
import { bearer, send } from '../support/api-client.ts';
import { checkAnswer } from '../wire/jobs/target.ts';

const api = await startApi({ runsJobs: false });
const admin = bearer(api.adminKey);

/** Any text that JSON can carry: NUL, lone surrogates and what looks like SQL or paths included. */
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string(),
  fc.constantFrom('', '\0', '\ud800', '../..', `'; select 1`, 'constructor'),
);
const value = fc.oneof(
  fc.jsonValue(),
  text,
  fc.double(),
  fc.maxSafeInteger(),
  fc.constantFrom(null, true, [], {}, -1, 1e300, 9e15),
);
const known = (good: fc.Arbitrary<unknown>) =>
  fc.option(fc.oneof({ weight: 4, arbitrary: good }, value), { nil: undefined });
const body = fc.record({
  question: fc.oneof({ weight: 9, arbitrary: text }, value),
  agent_type: known(fc.constantFrom('echo', 'shell', ' ', null)),
  session_id: known(fc.constantFrom('a', ' b ', 'c.d:e@f', null)),
  session_key: known(text),
  user_id: known(fc.constantFrom('admin', null)),
  tenant_id: known(fc.constantFrom('default', null)),
  job_id: known(text),
  schedule_at: known(fc.oneof(fc.integer(), fc.constantFrom(253_402_300_799, -8e15))),
  metadata: known(fc.dictionary(text, value)),
  webhook: known(fc.record({ url: fc.constant('https://hooks.invalid/') })),
});

test('no body of a submission is answered with a 5xx', async () => {
  await fc.assert(
    fc.asyncProperty(body, async (fields) => {
      const answer = await send(api.url, {
        method: 'POST',
        path: '/submit',
        headers: admin,
        body: JSON.stringify(fields),
      });
      checkAnswer(answer);
      assert.ok(answer.status < 500, `${answer.status} ${answer.text}`);
    }),
    { numRuns: 400 },
  );
});

test('no bytes of a body are answered with a 5xx', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
      for (const path of ['/submit', '/query']) {
        const answer = await send(api.url, { method: 'POST', path, body: Buffer.from(bytes) });
        assert.equal(answer.status, 400, answer.text);
      }
    }),
    { numRuns: 100 },
  );
});

test('no path, query, method or header is answered with a 5xx', async () => {
  const submitted = await send(api.url, {
    method: 'POST',
    path: '/submit',
    headers: admin,
    body: { question: 'x', agent_type: 'echo' },
  });
  const jobId = String(submitted.json['job_id']);
  const raw = fc.string({
    unit: fc.constantFrom(...Array.from('%2fF0azAZ./\\:;@!$&\'()*+,=~-_{}[]|^"<>`')),
    maxLength: 40,
  });
  const escaped = fc.oneof(text, fc.constant('\0')).map((part) => encodeURIComponent(part.toWellFormed()));
  const segment = fc.oneof(
    raw,
    escaped,
    fc.constantFrom(jobId, `{${jobId}}`, 'artifacts', 'events', 'state', 'messages', 'nope', '', '..', '%00'),
  );
  const path = fc
    .tuple(
      fc.constantFrom('/jobs', '/jobs/', `/jobs/${jobId}/`, '/keys/', '/', '/submit/', '/session/', '/session/x/'),
      fc.array(segment, { maxLength: 4 }),
    )
    .map(([start, parts]) => start + parts.join('/'));
  const names = fc.constantFrom(
    'session_id',
    'session_key',
    'user_id',
    'tenant_id',
    'token',
    'after',
    'limit',
    'cursor',
    'status',
    'agent_type',
  );
  const query = fc.array(fc.tuple(names, fc.oneof(raw, escaped)), { maxLength: 3 });
  const headers = fc.dictionary(
    fc.constantFrom(
      'range',
      'if-none-match',
      'if-range',
      'last-event-id',
      'idempotency-key',
      'x-stainless-retry-count',
      'content-type',
      'x-request-id',
    ),
    fc.string(),
  );
  await fc.assert(
    fc.asyncProperty(
      path,
      query,
      fc.constantFrom('GET', 'HEAD', 'DELETE', 'PUT', 'POST', 'PATCH', 'OPTIONS'),
      headers,
      async (start, pairs, method, extra) => {
        const search = pairs.map(([name, part]) => `${name}=${part}`).join('&');
        const answer = await send(api.url, {
          method,
          path: `${start}?${search}`,
          // JSON pages: a stream of a job that nobody runs would not end.
          headers: { ...extra, ...admin, accept: 'application/json' },
        });
        if (answer.text !== '') checkAnswer(answer);
        assert.ok(answer.status < 500, `${answer.status} ${answer.text}`);
      },
    ),
    { numRuns: 600 },
  );
});
