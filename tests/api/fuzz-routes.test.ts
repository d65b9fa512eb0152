import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import fc from 'fast-check';
import type { DeclaredRoute } from '../../src/http/access.ts';
import { startApi } from '../support/api.ts';
import { type Answer, bearer, send } from '../support/api-client.ts';

/** Requests of each route that the router has, so a new one is tried without being named here. */
const RUNS_PER_ROUTE = 30;
const LONGEST_MS = 20_000;

const api = await startApi({ rateLimits: { sessionToken: null, apiKey: null } });
const routes = api.server.declaredRoutes;

const SCHEMAS = new URL('../wire/jobs/schemas/', import.meta.url);
/** Names of all fields that the contracts know, wherever they belong. */
const FIELDS: readonly string[] = [
  ...new Set(
    readdirSync(SCHEMAS).flatMap((name) =>
      Array.from(
        readFileSync(new URL(name, SCHEMAS), 'utf8').matchAll(/^\s+"([a-z_]+)": \{/gm),
        ([, field]) => field ?? '',
      ),
    ),
  ),
  'if_busy',
  'name',
  'scopes',
  'decision',
  'position',
  'max_cost_usd',
  'max_requests',
  'mode',
  ...['input', 'budget', 'stream', 'title', 'summary', 'instructions', 'outputSchema', 'visibility'],
];

const submitted = await send(api.url, {
  method: 'POST',
  path: '/submit',
  headers: bearer(api.adminKey),
  body: { question: 'x', agent_type: 'echo', session_id: 'known' },
});
const JOB_ID = String(submitted.json['job_id']);
const made = await send(api.url, {
  method: 'POST',
  path: '/api/workers',
  headers: { ...bearer(api.adminKey), accept: 'application/json' },
  body: { input: 'x' },
});
const WORKER_ID = String(made.json['id']);

/** NUL, lone surrogates, and what looks like SQL, paths or members of every object. */
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ maxLength: 300 }),
  fc.constantFrom(
    '',
    '\0',
    '\ud800',
    '../..',
    '%',
    `'; drop table jobs; --`,
    'constructor',
    '__proto__',
    'known',
    JOB_ID,
  ),
);
const value = fc.oneof(
  text,
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom<unknown>(null, true, false, 0, -1, 1.5, 1e300, 9e15, [], {}, [null], { a: { b: [] } }, 'echo'),
);
const GOOD: Readonly<Record<string, unknown>> = {
  question: 'x',
  input: 'x',
  agent_type: 'echo',
  name: 'some-name',
  decision: 'allow',
  position: 1,
  max_requests: 5,
};
const goodPart = fc.subarray(Object.entries(GOOD)).map((entries) => Object.fromEntries(entries));
const fields = fc.dictionary(fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...FIELDS) }, text), value, {
  maxKeys: 5,
});
const object = fc
  .tuple(goodPart, fields)
  .map(([good, bad]) => ({ ...good, ...bad, ...('agent_type' in bad ? {} : { agent_type: 'echo' }) }));

/** JSON as it should be; with bytes swapped, cut or added; and no JSON at all. */
const bytes = fc.oneof(
  object.map((body) => Buffer.from(JSON.stringify(body))),
  value.map((body) => Buffer.from(JSON.stringify(body) ?? '')),
  fc.tuple(object, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 })).map(([body, changes]) => {
    const changed = Buffer.from(JSON.stringify(body));
    for (const [place, byte] of changes) changed[place % changed.length] = byte;
    return changed;
  }),
  fc.tuple(object, fc.nat()).map(([body, length]) => {
    const whole = Buffer.from(JSON.stringify(body));
    return whole.subarray(0, length % whole.length);
  }),
  fc.uint8Array({ maxLength: 60 }).map((array) => Buffer.from(array)),
);

const encoded = text.map((part) => encodeURIComponent(part.toWellFormed()));
const segment = fc.oneof(
  fc.constantFrom(
    'known',
    WORKER_ID,
    JOB_ID,
    JOB_ID.toUpperCase(),
    randomUUID(),
    'session',
    'tenant',
    'echo',
    '%00',
    '%zz',
    '..%2f..',
    '%2e%2e',
  ),
  encoded.filter((part) => part !== ''),
  fc.string({ unit: fc.constantFrom(...Array.from("%2fF0azAZ.:;@!$&'()*+,=~-_")), minLength: 1, maxLength: 20 }),
);
const QUERY_NAMES = [
  'session_id',
  'session_key',
  'session_ids',
  'user_id',
  'tenant_id',
  'token',
  'after',
  'limit',
  'cursor',
  'status',
  'state',
  'agent_type',
  'group_by',
  'from',
  'to',
  'tz',
  'version',
  'before',
  'kind',
  'enabled',
  'schedule_type',
  'job_id',
  'stream',
  'batch_id',
  'agent_id',
  'statuses',
  'order',
  'active',
] as const;
const search = fc
  .array(fc.tuple(fc.constantFrom(...QUERY_NAMES), encoded), { maxLength: 3 })
  .map((pairs) => pairs.map(([name, part]) => `${name}=${part}`).join('&'));
const headers = fc.dictionary(
  fc.constantFrom(
    'idempotency-key',
    'x-stainless-retry-count',
    'last-event-id',
    'range',
    'if-range',
    'content-type',
    'x-request-id',
  ),
  fc.string({ maxLength: 40 }),
  { maxKeys: 2 },
);
const credential = fc.constantFrom(
  api.adminKey,
  api.adminKey,
  api.token({ userId: 'admin', tenantId: 'default' }),
  api.token({ tenantId: 'default', sessionIds: ['known'] }),
  api.token(),
  'kz_unknown',
  null,
);

const pathOf = ({ url }: DeclaredRoute, parts: readonly string[]): string => {
  let place = 0;
  return url.replaceAll(/:\w+|\*/g, () => parts[place++ % parts.length] ?? '');
};

/** What an answer must never let out: stacks, files of ours, and words of the database. */
const LEAKS =
  /\n\s+at |node:internal|\/src\/[a-z-]+\/|\.ts:\d|violates|relation "|syntax error at or near|invalid input syntax|duplicate key|unexpected end of/;

const assertDecent = (answer: Answer, what: string): void => {
  assert.ok(answer.status < 500, `${what}: ${answer.status} ${answer.text}`);
  assert.ok(!LEAKS.test(answer.text), `${what}: ${answer.text}`);
  assert.equal(answer.headers['access-control-allow-origin'], '*', what);
  assert.match(String(answer.headers['x-request-id']), /^[A-Za-z0-9._:-]{1,128}$/, what);
};

const inTime = async (answer: Promise<Answer>, what: string): Promise<Answer> => {
  const done = new AbortController();
  const late = delay(LONGEST_MS, null, { signal: done.signal }).catch(() => null /* the answer came */);
  const first = await Promise.race([answer, late]).finally(() => done.abort());
  return first ?? assert.fail(`no answer after ${LONGEST_MS} ms: ${what}`);
};

for (const route of routes) {
  test(`${route.method} ${route.url} answers whatever it is sent, in time and without a 5xx`, async () => {
    const takesBody = !['GET', 'HEAD', 'DELETE'].includes(route.method);
    await fc.assert(
      fc.asyncProperty(
        fc.array(segment, { minLength: 2, maxLength: 2 }),
        search,
        headers,
        credential,
        takesBody ? bytes : fc.constant(null),
        async (parts, query, extra, secret, body) => {
          const path = `${pathOf(route, parts)}?${query}`;
          const sent = { ...extra, accept: 'application/json', ...(secret === null ? {} : bearer(secret)) };
          const request = { method: route.method, path, headers: sent, ...(body === null ? {} : { body }) };
          const what = `${route.method} ${path} ${body?.toString('latin1') ?? ''}`;
          assertDecent(await inTime(send(api.url, request), what), what);
        },
      ),
      { numRuns: RUNS_PER_ROUTE },
    );
  });
}
