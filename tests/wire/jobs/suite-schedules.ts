import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { type Answer, send } from '../../support/api-client.ts';
import { eventually } from '../../support/signals.ts';
import { assertError, assertValid, Caller, mintToken, type Target } from './target.ts';

type Body = Readonly<Record<string, unknown>>;

const FAR = Math.floor(Date.now() / 1_000) + 10_000_000;
const DETAIL = { detail: true } as const;

/** Conformance checks 4, 13 and 61 to 68, as far as they are about schedules. */
export const defineScheduleChecks = (target: Target): void => {
  const caller = new Caller(target);
  const as = (claims: Body): Caller => new Caller(target, mintToken(target, claims));
  const post = async (who: Caller, body: Body, query = ''): Promise<Answer> =>
    await who.send({ method: 'POST', path: `/schedules${query}`, body: { name: 'n', question: 'q', ...body } });
  const patch = async (who: Caller, id: unknown, body: Body): Promise<Answer> =>
    await who.send({ method: 'PATCH', path: `/schedules/${String(id)}`, body });
  /** Asserts success, and that the answer is a ScheduleResponse with every key. */
  const checked = (answer: Answer): Body => {
    assert.equal(answer.status, 200, answer.text);
    assertValid('ScheduleResponse', answer.json);
    assert.equal(Object.keys(answer.json).length, 19);
    return answer.json;
  };
  const oneOff = (body: Body = {}): Body => ({ schedule_type: 'one_off', run_at: FAR, agent_type: 'echo', ...body });
  const cron = (expression: string, body: Body = {}): Body => ({ schedule_type: 'cron', cron: expression, ...body });
  const read = async (who: Caller, id: unknown): Promise<Body> => checked(await who.get(`/schedules/${String(id)}`));
  const fired = async (who: Caller, id: unknown): Promise<Body> =>
    await eventually('the fire of a schedule', async () => {
      const schedule = await read(who, id);
      return schedule['last_job_id'] !== null && schedule;
    });

  test('4. /schedules with an unknown key or a wrong shape and no credential is 400', async () => {
    const faults: readonly Body[] = [
      { ...oneOff(), name: 'n', question: 'q', colour: 1 },
      { ...oneOff(), question: 'q' },
      { ...oneOff(), name: 'n', question: 'q', enabled: null },
      { ...oneOff({ run_at: 1.5 }), name: 'n', question: 'q' },
      { ...oneOff({ metadata: [] }), name: 'n', question: 'q' },
      { ...oneOff({ schedule_type: 'weekly' }), name: 'n', question: 'q' },
    ];
    for (const body of faults) {
      const answer = await send(target.url, { method: 'POST', path: '/schedules', body });
      assertError(answer, 400, 'Invalid schedule request body');
    }
    const broken = await send(target.url, { method: 'POST', path: '/schedules', body: '{' });
    assertError(broken, 400, 'Invalid JSON request body');
    const unnamed = { method: 'PATCH', path: `/schedules/${randomUUID()}`, body: { colour: 1 } };
    assertError(await send(target.url, unnamed), 400, 'Invalid schedule request body');
  });

  test('13. a scoped token must name its session on /schedules', async () => {
    const session = `s-${randomUUID()}`;
    const claims = { tenant_id: `t-${session}`, user_id: 'u' };
    const scoped = as({ ...claims, session_ids: [session] });
    const refused = async (answer: Promise<Answer>) => assertError(await answer, 403, 'Session not authorized');
    await refused(post(scoped, oneOff()));
    await refused(post(scoped, oneOff(), '?session_id=another'));
    const { schedule_id: id } = checked(await post(scoped, oneOff(), `?session_id=${session}`));
    const { schedule_id: other } = checked(await post(as(claims), oneOff()));
    await refused(scoped.get('/schedules'));
    await refused(scoped.get(`/schedules/${String(id)}?session_id=another`));
    await refused(patch(scoped, id, {}));
    assert.equal((await scoped.get(`/schedules/${String(id)}?session_id=${session}`)).status, 200);
    assertError(
      await scoped.get(`/schedules/${String(other)}?session_id=${session}`),
      404,
      'Schedule not found',
      DETAIL,
    );
    const list = (await scoped.get(`/schedules?session_id=${session}`)).json['schedules'] as Body[];
    assert.deepEqual(
      list.map((schedule) => schedule['schedule_id']),
      [id],
    );
  });

  test('61. what a type needs and must not have, in both envelopes', async () => {
    const faults: readonly (readonly [Body, string])[] = [
      [{ schedule_type: 'one_off' }, 'run_at is required for one_off schedules'],
      [oneOff({ cron: '* * * * *' }), 'cron must be omitted for one_off schedules'],
      [{ schedule_type: 'cron' }, 'cron is required for cron schedules'],
      [cron('  '), 'cron is required for cron schedules'],
      [cron('61 * * * *'), 'Invalid cron expression'],
      [cron('0 0 30 2 *'), 'Invalid cron expression'],
      [cron('@sometimes'), 'Invalid cron expression'],
      [cron('* * * * *', { timezone: 'Mars/Olympus' }), 'Invalid timezone: Mars/Olympus'],
      [oneOff({ timezone: '+02:00' }), 'Invalid timezone: +02:00'],
    ];
    for (const [body, error] of faults) assertError(await post(caller, body), 400, error, DETAIL);
    const unknown = (await post(caller, oneOff({ agent_type: 'nobody' }))).json;
    assert.match(String(unknown['error']), /^Unknown agent type: 'nobody'\. Available: /);
    assert.equal(checked(await post(caller, oneOff({ cron: ' ' })))['cron'], null);
  });

  test('62. a null or blank zone is UTC, six fields put seconds last, shorthands work', async () => {
    for (const timezone of [null, ' ', undefined]) {
      assert.equal(checked(await post(caller, cron('@daily', { timezone })))['timezone'], 'UTC');
    }
    const next = async (expression: string, body: Body = {}): Promise<Date> => {
      const schedule = checked(await post(caller, cron(expression, body)));
      return new Date(Number(schedule['next_run_at']) * 1_000);
    };
    assert.match((await next('15 3 * * * 42')).toISOString(), /T03:15:42/);
    assert.match((await next('@daily', { run_at: 5 })).toISOString(), /T00:00:00/);
    assert.match((await next('@yearly')).toISOString(), /-01-01T00:00:00/);
    assert.match((await next('0 12 * * *', { timezone: 'Asia/Kolkata' })).toISOString(), /T06:30:00/);
    assert.equal(checked(await post(caller, cron('@daily', { enabled: false })))['next_run_at'], null);
  });

  test('63. PATCH with a webhook object, null names and null switches; the type cannot be changed', async () => {
    const { schedule_id: id } = checked(await post(caller, oneOff({ metadata: { a: 1 }, timezone: 'Asia/Tokyo' })));
    const url = 'https://example.com/hook';
    const changed = checked(await patch(caller, id, { webhook: { url }, name: null, question: null, enabled: null }));
    assert.deepEqual([changed['name'], changed['question'], changed['enabled']], ['n', 'q', true]);
    const keys = { headers: null, signing_secret: null, secret_ref: null, timeout_seconds: null, max_attempts: null };
    assert.deepEqual(changed['webhook'], { url, ...keys });
    assert.equal((await caller.get('/schedules')).status, 200);
    assertValid('ScheduleListResponse', (await caller.get('/schedules?enabled=true')).json);
    assertError(await patch(caller, id, { schedule_type: 'cron' }), 400, 'Invalid schedule request body');
    const cleared = checked(
      await patch(caller, id, { webhook: null, metadata: null, agent_type: null, timezone: null }),
    );
    assert.deepEqual(
      [cleared['webhook'], cleared['metadata'], cleared['agent_type'], cleared['timezone']],
      [null, null, null, 'UTC'],
    );
    assertError(await patch(caller, id, { run_at: null }), 400, 'run_at is required for one_off schedules', DETAIL);
    assertError(await patch(caller, id, { cron: '@daily' }), 400, 'cron must be omitted for one_off schedules', DETAIL);
    assert.equal(checked(await patch(caller, id, {}))['run_at'], FAR);
    assert.equal(checked(await patch(caller, id, { enabled: false }))['next_run_at'], null);
    assert.equal(checked(await patch(caller, id, { run_at: FAR + 1 }))['next_run_at'], null);
    assert.equal(checked(await patch(caller, id, { enabled: true }))['next_run_at'], FAR + 1);
  });

  test('64. answers show signing_secret null, and a PATCH back of that answer is accepted', async () => {
    const webhook = { url: 'https://example.com', headers: { 'x-a': 'b' }, signing_secret: 'shown to nobody' };
    const made = await post(caller, oneOff({ webhook }));
    assert.ok(!made.text.includes('shown to nobody'));
    const { schedule_id: id, webhook: shown } = checked(made);
    assert.equal((shown as Body)['signing_secret'], null);
    assert.equal((shown as Body)['url'], 'https://example.com/');
    assert.deepEqual(checked(await patch(caller, id, { webhook: shown }))['webhook'], shown);
  });

  test('65. the days of a gap and of a fold fire once each', async () => {
    const thisYear = new Date().getUTCFullYear();
    const lastSunday = (year: number, month: number): number => {
      const last = new Date(Date.UTC(year, month + 1, 0));
      return last.getUTCDate() - last.getUTCDay();
    };
    for (const [month, hour, minute] of [
      [2, 1, 0],
      [9, 0, 30],
    ] as const) {
      const year =
        [thisYear, thisYear + 1].find((each) => Date.UTC(each, month, lastSunday(each, month)) > Date.now()) ?? 0;
      const day = lastSunday(year, month);
      const berlin = cron(`30 2 ${day} ${month + 1} *`, { timezone: 'Europe/Berlin' });
      const schedule = checked(await post(caller, berlin));
      assert.equal(schedule['next_run_at'], Date.UTC(year, month, day, hour, minute) / 1_000);
      const preview = await caller.get(`/schedules/${String(schedule['schedule_id'])}/preview?count=2`);
      const [first, second] = preview.json['times'] as number[];
      assert.equal(first, schedule['next_run_at']);
      assert.ok(Number(second) - Number(first) > 300 * 86_400);
    }
  });

  test("66. a schedule's job is read by last_job_id, with the three keys and the schedule's own metadata", async () => {
    const owner = as({ tenant_id: `t-${randomUUID()}`, user_id: 'u' });
    const before = Math.floor(Date.now() / 1_000);
    const made = checked(
      await post(owner, oneOff({ run_at: before, name: ' daily ', metadata: { mine: [1], schedule_id: 'x' } })),
    );
    const schedule = await fired(owner, made['schedule_id']);
    assert.deepEqual([schedule['enabled'], schedule['next_run_at'], schedule['last_error']], [false, null, null]);
    assert.ok(Number(schedule['last_run_at']) >= before);
    const job = await owner.ended(String(schedule['last_job_id']));
    const { triggered_at: triggeredAt, ...metadata } = job['metadata'] as Body;
    assert.deepEqual(metadata, { mine: [1], schedule_id: made['schedule_id'], schedule_name: 'daily' });
    assert.ok(Number.isInteger(triggeredAt) && Number(triggeredAt) >= before);
    assert.deepEqual(
      [job['status'], job['question'], job['user_id'], job['session_id'], job['schedule_at']],
      ['complete', 'q', 'u', `sched_${String(made['schedule_id'])}`, null],
    );
  });

  test('66. jobs go to the session that was named when the schedule was made', async () => {
    const session = `s-${randomUUID()}`;
    const claims = { tenant_id: `t-${session}`, user_id: 'u' };
    const owner = as(claims);
    await owner.ended(await owner.submitJob({ session_id: session }));
    assertError(
      await post(as({ ...claims, user_id: 'v' }), oneOff(), `?session_id=${session}`),
      403,
      'Session user mismatch',
    );
    const now = { ...oneOff({ run_at: -5 }) };
    const byId = checked(await post(owner, now, `?session_id=${session}`));
    const byKey = checked(await post(owner, now, `?session_id=${session}&session_key=k`));
    const again = checked(await post(owner, now, '?session_key=k'));
    for (const { schedule_id: id } of [byId, byKey, again]) {
      const job = await owner.job(String((await fired(owner, id))['last_job_id']));
      assert.equal(job['session_id'], session);
    }
    assertError(await post(owner, oneOff(), '?session_id=a%2Fb'), 400, 'Invalid session id');
  });

  test('67. what was missed for 10 hours fires once, and once more when it is armed again', async () => {
    const owner = as({ tenant_id: `t-${randomUUID()}`, user_id: 'u' });
    const runAt = Math.floor(Date.now() / 1_000) - 36_000;
    const { schedule_id: id } = checked(await post(owner, oneOff({ run_at: runAt })));
    const first = await fired(owner, id);
    await owner.ended(String(first['last_job_id']));
    checked(await patch(owner, id, { enabled: true }));
    await eventually('the second fire', async () => {
      const schedule = await read(owner, id);
      return schedule['last_job_id'] !== first['last_job_id'] && schedule['enabled'] === false;
    });
    const jobs = (await owner.get(`/jobs?session_id=sched_${String(id)}`)).json['jobs'] as Body[];
    assert.equal(jobs.length, 2);
  });

  test('67. timers and manual dispatches fire a schedule once', async () => {
    const runAt = Math.ceil(Date.now() / 1_000) + 1;
    const { schedule_id: id } = checked(await post(caller, oneOff({ run_at: runAt })));
    let dispatched = 0;
    await eventually('the due second', async () => {
      const answers = await Promise.all(
        Array.from({ length: 4 }, async () => await caller.send({ method: 'POST', path: '/schedules/dispatch' })),
      );
      for (const answer of answers) {
        assert.equal(answer.status, 200, answer.text);
        assertValid('ScheduleDispatchResponse', answer.json);
        dispatched += Number(answer.json['dispatched']);
      }
      return Date.now() > runAt * 1_000 + 500;
    });
    await fired(caller, id);
    assert.ok(dispatched <= 1);
    const jobs = (await caller.get(`/jobs?session_id=sched_${String(id)}`)).json['jobs'] as Body[];
    assert.equal(jobs.length, 1);
  });

  test("68. another user's schedule is not found and not listed; dispatch needs the scope admin", async () => {
    const tenant = `t-${randomUUID()}`;
    const owner = as({ tenant_id: tenant, user_id: 'owner' });
    const { schedule_id: id } = checked(await post(owner, oneOff()));
    const { schedule_id: userless } = checked(await post(as({ tenant_id: tenant }), oneOff()));
    const strangers = [as({ tenant_id: tenant, user_id: 'other' }), as({ tenant_id: 'x', user_id: 'owner' }), as({})];
    for (const stranger of strangers) {
      const path = `/schedules/${String(id)}`;
      assertError(await stranger.get(path), 404, 'Schedule not found', DETAIL);
      assertError(await patch(stranger, id, { name: 'mine' }), 404, 'Schedule not found', DETAIL);
      assertError(await stranger.send({ method: 'DELETE', path }), 404, 'Schedule not found', DETAIL);
      const ids = ((await stranger.get('/schedules')).json['schedules'] as Body[]).map((each) => each['schedule_id']);
      assert.ok(!ids.includes(id) && !ids.includes(userless));
    }
    assertError(
      await owner.get(`/schedules/${String(userless)}`),
      502,
      'Schedule response missing user_id for ownership enforcement',
    );
    assert.equal((await as({ tenant_id: tenant }).get(`/schedules/${String(id)}`)).status, 200);
    for (const path of ['/schedules/nope', '/schedules/dispatch', '/schedules/%zz']) {
      assertError(await owner.get(path), 400, 'Invalid schedule_id', DETAIL);
    }
    assertError(await owner.send({ method: 'POST', path: '/schedules/dispatch' }), 403, 'Admin scope required');
    assertError(await owner.get('/schedules?enabled=maybe'), 422, 'Invalid value for enabled', DETAIL);
    assertError(await owner.get('/schedules?schedule_type=weekly'), 422, 'Invalid value for schedule_type', DETAIL);
    assertError(await owner.get(`/schedules/${randomUUID()}`), 404, 'Schedule not found', DETAIL);
    const gone = await owner.send({ method: 'DELETE', path: `/schedules/{${String(id).toUpperCase()}}` });
    assert.deepEqual(gone.json, { ok: true, schedule_id: id, deleted: true });
    assertError(await owner.get(`/schedules/${String(id)}`), 404, 'Schedule not found', DETAIL);
  });

  test('52. and 53. one schedule for one Idempotency-Key, and for the retry of an SDK', async () => {
    const owner = as({ tenant_id: `t-${randomUUID()}`, user_id: 'u' });
    const body = { name: 'n', question: 'q', ...oneOff() };
    const keyed = { 'idempotency-key': randomUUID() };
    const send = async (headers: Readonly<Record<string, string>>, of: Body = body) =>
      await owner.send({ method: 'POST', path: '/schedules', body: of, headers });
    const [one, two] = await Promise.all([send(keyed), send(keyed)]);
    assert.equal(one?.text, two?.text);
    const replay = await send(keyed);
    assert.deepEqual([replay.text, replay.headers['idempotency-replayed']], [one?.text, 'true']);
    assertError(
      await send(keyed, { ...body, name: 'm' }),
      422,
      'Idempotency-Key was used with a different request body',
    );
    const first = await send({ 'x-stainless-retry-count': '0' });
    const retry = await send({ 'x-stainless-retry-count': '1' });
    assert.equal(retry.json['schedule_id'], first.json['schedule_id']);
    assert.equal(((await owner.get('/schedules')).json['schedules'] as Body[]).length, 2);
  });

  test('a list is newest first and can be narrowed', async () => {
    const owner = as({ tenant_id: `t-${randomUUID()}`, user_id: 'u' });
    const ids: unknown[] = [];
    for (const body of [oneOff(), cron('@daily'), oneOff({ enabled: false })]) {
      ids.unshift(checked(await post(owner, body))['schedule_id']);
    }
    const listed = async (query: string): Promise<unknown[]> => {
      const answer = await owner.get(`/schedules${query}`);
      assertValid('ScheduleListResponse', answer.json);
      return (answer.json['schedules'] as Body[]).map((schedule) => schedule['schedule_id']);
    };
    assert.deepEqual(await listed(''), ids);
    assert.deepEqual(await listed('?enabled=true'), ids.slice(1));
    assert.deepEqual(await listed('?enabled=false&schedule_type=one_off'), ids.slice(0, 1));
    assert.deepEqual(await listed('?schedule_type=cron'), ids.slice(1, 2));
  });
};
