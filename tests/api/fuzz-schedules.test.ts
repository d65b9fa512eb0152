import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { startApi } from '../support/api.ts';
import { bearer, send } from '../support/api-client.ts';
import { checkAnswer } from '../wire/jobs/target.ts';

const api = await startApi({ runsJobs: false, rateLimits: { sessionToken: null, apiKey: null } });
const headers = bearer(api.adminKey);

const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 30 }),
  fc.constantFrom('', '\0', '\ud800', '% ', `'; select 1`),
);
const time = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.constantFrom(0, -1, 1.5, 253_402_300_799, 253_402_300_800, -62_135_596_801, -8e15, 1e300),
);
const odd = fc.oneof(fc.jsonValue({ maxDepth: 2 }), text, time);
const known = (good: fc.Arbitrary<unknown>) =>
  fc.option(fc.oneof({ weight: 12, arbitrary: good }, { weight: 1, arbitrary: odd }), { nil: undefined });
const optional = {
  agent_type: known(fc.constantFrom('echo', 'shell', ' ', null)),
  cron: known(fc.oneof(fc.constantFrom('* * * * *', '@daily', '0 0 30 2 *', '0 0 29 2 * 59', null, ' '), text)),
  timezone: known(fc.oneof(fc.constantFrom('UTC', 'Europe/Berlin', 'America/Havana', 'nowhere', null), text)),
  run_at: known(fc.oneof(time, fc.constant(null))),
  enabled: known(fc.boolean()),
  metadata: known(fc.dictionary(text, odd)),
  webhook: known(fc.record({ url: fc.webUrl(), signing_secret: text })),
  interval_seconds: known(fc.integer({ min: -1, max: 31_536_001 })),
  overlap: known(fc.constantFrom('skip', 'queue_one', 'queue_all', 'cancel_running', 'allow', null)),
  catch_up: known(fc.constantFrom('one', 'all', 'none', null)),
  catch_up_window_seconds: known(fc.integer({ min: 0, max: 2_000_000_000 })),
  jitter_seconds: known(fc.integer({ min: -1, max: 3_601 })),
  pause_after_failures: known(fc.integer({ min: 0, max: 101 })),
  ends_at: known(fc.oneof(time, fc.constant(null))),
  max_runs: known(fc.integer({ min: 0, max: 2_000_000_000 })),
};
const good = fc.constantFrom(
  { schedule_type: 'one_off', run_at: 4_000_000_000 },
  { schedule_type: 'cron', cron: '30 2 * * *', timezone: 'Europe/Berlin' },
  { schedule_type: 'delay', delay_seconds: 31_536_000 },
  { schedule_type: 'interval', interval_seconds: 3_600 },
  { schedule_type: 'cron', cron: '0 0 L * *', session_mode: 'new' },
);
/** A few of the fields: of all at once, one is always refused. */
const few = fc
  .tuple(fc.record(optional), fc.subarray(Object.keys(optional), { maxLength: 3 }))
  .map(([fields, names]) => Object.fromEntries(Object.entries(fields).filter(([name]) => names.includes(name))));
const create = fc
  .tuple(good, few, fc.oneof({ weight: 9, arbitrary: fc.constant('q') }, odd))
  .map(([body, fields, question]) => ({ name: 'n', question, ...body, ...fields }));

test('no schedule and no change of one is answered with a 5xx, and what was made can be read, changed and looked ahead', async () => {
  let made = 0;
  await fc.assert(
    fc.asyncProperty(create, few, async (body, change) => {
      const answer = await send(api.url, { method: 'POST', path: '/schedules', headers, body: JSON.stringify(body) });
      checkAnswer(answer);
      assert.ok(answer.status < 500, `${answer.status} ${answer.text}`);
      if (answer.status !== 200) return;
      made += 1;
      const path = `/schedules/${String(answer.json['schedule_id'])}`;
      const changed = await send(api.url, { method: 'PATCH', path, headers, body: JSON.stringify(change) });
      checkAnswer(changed);
      assert.ok(changed.status < 500, `${changed.status} ${changed.text}`);
      for (const read of [path, `${path}/preview`, `${path}/runs`]) {
        const { status } = await send(api.url, { path: read, headers });
        assert.equal(status, 200);
      }
    }),
    { numRuns: 250 },
  );
  assert.ok(made > 20, `only ${made} schedules were made`);
  assert.equal((await send(api.url, { path: '/schedules', headers })).status, 200);
});
