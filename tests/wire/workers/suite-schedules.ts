import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually } from '../../support/signals.ts';
import { assertError, assertValid, Caller, NEWER, SEED, type Target } from './target.ts';

type Json = Readonly<Record<string, unknown>>;
const MONTHS_AWAY = { type: 'delayed', delayInSeconds: 8_000_000 } as const;

/** Conformance checks 27 to 34, and those of 1, 36, 42 and 43 that are about schedules. */
export const defineScheduleChecks = (target: Target): void => {
  const caller = new Caller(target);
  const schedulesOf = (id: string): string => `/api/workers/${id}/schedules`;
  const schedule = async (id: string, body: Json, headers: Readonly<Record<string, string>> = {}): Promise<Json> => {
    const answer = await caller.post(schedulesOf(id), body, headers);
    assert.equal(answer.status, 200, answer.text);
    return answer.json;
  };
  const list = async (id: string): Promise<readonly Json[]> => {
    const { json } = await caller.get(schedulesOf(id), SEED);
    assertValid('ScheduleListResponse', json);
    assert.equal(json['workerId'], id);
    return json['schedules'] as readonly Json[];
  };
  /** The job that a schedule made. */
  const firedJob = async (id: string, scheduleId: unknown): Promise<Json> =>
    await eventually('a fire', async () => {
      const { json } = await caller.get(`/jobs?session_id=${id}`);
      const jobs = json['jobs'] as readonly (Json & { readonly metadata: Json | null })[];
      return jobs.find(({ metadata }) => metadata?.['schedule_id'] === scheduleId);
    });

  test('27. all four types are accepted, with the default budget', async () => {
    const { id } = await caller.worked('true');
    const cases: readonly [Json, Json][] = [
      [{ type: 'scheduled', date: '2099-01-02T03:04:05+01:00' }, { nextRunAt: '2099-01-02T02:04:05.000Z' }],
      [{ type: 'scheduled', date: '2099-01-02T03:04:05' }, { nextRunAt: '2099-01-02T03:04:05.000Z' }],
      [MONTHS_AWAY, { delayInSeconds: 8_000_000 }],
      [{ type: 'cron', cron: '0 3 1 1 *' }, { cron: '0 3 1 1 *' }],
      [{ type: 'interval', intervalSeconds: 31_536_000 }, { intervalSeconds: 31_536_000 }],
    ];
    for (const [when, expected] of cases) {
      const made = await schedule(id, { input: 'true', when });
      assertValid('WorkerSchedule', made);
      assert.match(String(made['id']), /^sch_[0-9A-HJKMNP-TV-Z]{26}$/);
      assert.deepEqual([made['budget'], made['input'], made['type']], ['standard', 'true', when['type']]);
      for (const [key, value] of Object.entries(expected)) assert.equal(made[key], value);
    }
    assert.equal((await schedule(id, { input: 'x', budget: 'low', when: MONTHS_AWAY }))['budget'], 'low');
    assert.deepEqual(
      (await list(id)).map(({ type }) => type),
      ['scheduled', 'scheduled', 'delayed', 'cron', 'interval', 'delayed'],
    );
  });

  test('28. bad times are 400', async () => {
    const { id } = await caller.create({ input: 'true' });
    const bad: readonly unknown[] = [
      { type: 'delayed', delayInSeconds: 0 },
      { type: 'delayed', delayInSeconds: 31_536_001 },
      { type: 'delayed', delayInSeconds: 1.5 },
      { type: 'delayed', delayInSeconds: '1' },
      { type: 'delayed' },
      { type: 'interval', intervalSeconds: 0 },
      { type: 'cron', cron: '' },
      { type: 'cron', cron: 'nope' },
      { type: 'cron' },
      { type: 'sometimes' },
      {},
      null,
      'daily',
      { type: 'scheduled', date: 'tomorrow' },
      { type: 'scheduled', date: '2026-02-30T00:00:00Z' },
      { type: 'scheduled', date: '2026-01-01' },
      { type: 'scheduled', date: 5 },
    ];
    for (const when of bad) {
      assertError(await caller.post(schedulesOf(id), { input: 'x', when }), 400, 'invalid_request');
    }
    assertError(await caller.post(schedulesOf(id), { when: MONTHS_AWAY }), 400, 'invalid_request');
    assertError(
      await caller.post(schedulesOf(id), { input: 'x', budget: null, when: MONTHS_AWAY }),
      400,
      'invalid_request',
    );
    assertError(await caller.post(schedulesOf(id), '{'), 400, 'invalid_json');
    assert.deepEqual(await list(id), []);
  });

  test('29. a past date fires at once and leaves the list', async () => {
    const { id } = await caller.worked('true');
    const made = await schedule(id, { input: 'echo past', when: { type: 'scheduled', date: '2020-01-01T00:00:00Z' } });
    assertValid('WorkerSchedule', made);
    await firedJob(id, made['id']);
    await eventually('an empty list', async () => (await list(id)).length === 0);
    assert.match((await caller.ended(id)).output_text, /past/);
  });

  test('30. a delay of 1 s makes a turn whose job names its schedule', async () => {
    const { id } = await caller.worked('true');
    const made = await schedule(id, {
      input: 'echo later',
      budget: 'low',
      when: { type: 'delayed', delayInSeconds: 1 },
    });
    const job = await firedJob(id, made['id']);
    assert.equal(job['question'], 'echo later');
    assert.equal(Number.isInteger((job['metadata'] as Json)['triggered_at']), true);
    const worker = await caller.ended(id);
    assert.deepEqual([worker.output_text.trim(), worker.metadata['budget']], ['later', 'low']);
    assert.equal(worker.metadata.job_id, job['job_id']);
  });

  test('31. an interval keeps its grid; a fire waits for the running turn, and at most one waits', async () => {
    const { id } = await caller.create({ input: 'sleep 4' });
    const made = await schedule(id, { input: 'echo tick', when: { type: 'interval', intervalSeconds: 1 } });
    const first = Date.parse(String(made['nextRunAt']));
    await firedJob(id, made['id']);
    const later = await eventually('the next time', async () => {
      const [listed] = await list(id);
      const next = Date.parse(String(listed?.['nextRunAt']));
      return next >= first + 2_000 && next;
    });
    assert.equal((later - first) % 1_000, 0);
    const { json } = await caller.get(`/jobs?session_id=${id}&status=queued`);
    assert.equal((json['jobs'] as unknown[]).length, 1);
    const gone = await caller.send({ method: 'DELETE', path: `${schedulesOf(id)}/${String(made['id'])}` });
    assert.deepEqual(gone.json, { cancelled: true });
  });

  test('32. cron has a zone; a bad one is named', async () => {
    const { id } = await caller.create({ input: 'true' });
    const made = await schedule(
      id,
      {
        input: 'x',
        when: { type: 'cron', cron: '30 12 * * *', timezone: 'Asia/Kolkata' },
      },
      NEWER,
    );
    assert.equal(made['timezone'], 'Asia/Kolkata');
    // Half past noon there is seven o'clock in UTC, all year.
    assert.match(String(made['nextRunAt']), /T07:00:00\.000Z$/);
    const bad = await caller.post(schedulesOf(id), {
      input: 'x',
      when: { type: 'cron', cron: '@daily', timezone: 'X/Y' },
    });
    assertError(bad, 400, 'invalid_request', 'Invalid timezone: X/Y');
    const broken = await caller.post(schedulesOf(id), { input: 'x', when: { type: 'cron', cron: '99 * * * *' } });
    assertError(broken, 400, 'invalid_request', 'Invalid cron expression');
  });

  test('33. only newer clients are told of zones', async () => {
    const { id } = await caller.create({ input: 'true' });
    const body = { input: 'x', when: { type: 'cron', cron: '@daily', timezone: 'Europe/Paris' } };
    assert.equal((await schedule(id, body, SEED))['timezone'], undefined);
    const seed = (await caller.get(schedulesOf(id), SEED)).json;
    assertValid('ScheduleListResponse', seed);
    const newer = (await caller.get(schedulesOf(id), NEWER)).json;
    assert.equal(newer['timezone'], 'UTC');
    assert.equal((newer['schedules'] as Json[])[0]?.['timezone'], 'Europe/Paris');
  });

  test('34. cancel says true, then false; unknown is 404, and an empty body with a JSON content type works', async () => {
    const { id } = await caller.create({ input: 'true' });
    const other = await caller.create({ input: 'true' });
    const made = await schedule(id, { input: 'x', when: MONTHS_AWAY });
    const headers = { ...SEED, 'content-type': 'application/json' };
    const cancel = async (worker: string, scheduleId: unknown) =>
      await caller.send({ method: 'DELETE', path: `${schedulesOf(worker)}/${String(scheduleId)}`, headers });
    assertError(await cancel(other.id, made['id']), 404, 'not_found', 'Schedule not found');
    assert.deepEqual((await cancel(id, made['id'])).json, { cancelled: true });
    assert.deepEqual((await cancel(id, made['id'])).json, { cancelled: false });
    for (const unknown of ['sch_01HZY31W2SZJ8MJ2FQTR3M1K9D', 'nope']) {
      assertError(await cancel(id, unknown), 404, 'not_found', 'Schedule not found');
    }
    assert.deepEqual(await list(id), []);
  });

  test('36. deleting a worker stops its schedules', async () => {
    const { id } = await caller.worked('true');
    const made = await schedule(id, { input: 'echo never', when: { type: 'interval', intervalSeconds: 1 } });
    await firedJob(id, made['id']);
    assert.deepEqual((await caller.send({ method: 'DELETE', path: `/api/workers/${id}` })).json, { deleted: true });
    const count = async () => ((await caller.get(`/jobs?session_id=${id}&limit=100`)).json['jobs'] as unknown[]).length;
    const before = await count();
    // Another schedule fires twice meanwhile, so this one would have.
    const witness = await caller.worked('true');
    for (let fires = 0; fires < 2; fires += 1) {
      const delayed = await schedule(witness.id, { input: 'true', when: { type: 'delayed', delayInSeconds: 1 } });
      await firedJob(witness.id, delayed['id']);
    }
    assert.equal(await count(), before);
    assertError(await caller.get(schedulesOf(id)), 404, 'not_found', 'Worker not found');
  });

  test('43. a schedule that an SDK repeats is made once', async () => {
    const { id } = await caller.create({ input: 'true' });
    const body = { input: 'x', when: MONTHS_AWAY };
    const first = await schedule(id, body, { 'x-stainless-retry-count': '0' });
    const again = await schedule(id, body, { 'x-stainless-retry-count': '1' });
    assert.equal(again['id'], first['id']);
    const key = { 'idempotency-key': crypto.randomUUID() };
    const keyed = await schedule(id, body, key);
    assert.deepEqual(await schedule(id, body, key), keyed);
    const other = await caller.post(schedulesOf(id), { ...body, input: 'y' }, key);
    assertError(other, 422, 'idempotency_mismatch');
    assert.equal((await list(id)).length, 2);
  });
};
