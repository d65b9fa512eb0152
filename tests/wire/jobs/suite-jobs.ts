import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import { assertError, Caller, mintToken, type Target } from './target.ts';

/** Conformance checks 19 to 31, and 52, 53: the life of jobs. */
export const defineJobChecks = (target: Target): void => {
  const caller = new Caller(target);
  const as = (claims: Readonly<Record<string, unknown>>) => new Caller(target, mintToken(target, claims));
  const inAnHour = () => Math.floor(Date.now() / 1_000) + 3_600;

  test('19. ownership is checked in order: session, user, tenant; a userless job read by a user is 502', async () => {
    const owner = as({ tenant_id: 't', user_id: 'u' });
    const jobId = await owner.submitJob({ session_id: randomUUID() });
    const stranger = as({ tenant_id: 'x', user_id: 'x' });
    assertError(await stranger.get(`/jobs/${jobId}?session_id=b`), 403, 'Job session mismatch');
    assertError(await stranger.get(`/jobs/${jobId}`), 403, 'Job user mismatch');
    assertError(await as({ tenant_id: 'x', user_id: 'u' }).get(`/jobs/${jobId}`), 403, 'Job tenant mismatch');
    assertError(await as({ tenant_id: 'x' }).get(`/jobs/${jobId}`), 403, 'Job tenant mismatch');
    assertError(await as({}).get(`/jobs/${jobId}`), 403, 'Job user mismatch');
    await as({ tenant_id: 't' }).job(jobId);
    const userless = await as({ tenant_id: 't' }).submitJob();
    const error = 'Job status response missing user_id for ownership enforcement';
    assertError(await owner.get(`/jobs/${userless}`), 502, error);
  });

  test('20. DELETE by a foreigner is 403, and the job unchanged', async () => {
    const owner = as({ tenant_id: 't', user_id: 'u' });
    const jobId = await owner.submitJob({ schedule_at: inAnHour() });
    const answer = await as({ tenant_id: 't', user_id: 'v' }).send({ method: 'DELETE', path: `/jobs/${jobId}` });
    assertError(answer, 403, 'Job user mismatch');
    assert.equal((await owner.job(jobId))['status'], 'queued');
  });

  test('21. unknown subpaths and methods are 404 or 405 without effect', async () => {
    const jobId = await caller.submitJob({ schedule_at: inAnHour() });
    assert.equal((await caller.send({ method: 'DELETE', path: `/jobs/${jobId}/workspace` })).status, 404);
    assert.equal((await caller.send({ method: 'POST', path: `/jobs/${jobId}/cancel` })).status, 404);
    assert.equal((await caller.send({ method: 'POST', path: `/jobs/${jobId}` })).status, 405);
    assert.equal((await caller.job(jobId))['status'], 'queued');
  });

  test('22. a malformed id is 400, an unknown one 404, both with detail; any letter case and braces work', async () => {
    assertError(await caller.get('/jobs/nope'), 400, 'Invalid job_id', { detail: true });
    assertError(await caller.get(`/jobs/${randomUUID()}`), 404, 'Job not found', { detail: true });
    const jobId = await caller.submitJob();
    assert.equal((await caller.job(jobId.toUpperCase()))['job_id'], jobId);
    assert.equal((await caller.job(`%7B${jobId}%7D`))['job_id'], jobId);
  });

  test('23. a completed job is read back whole, with its session and its answer', async () => {
    const metadata = { a: [1, { b: null }], ü: '💡' };
    const job = await caller.ended(await caller.submitJob({ question: ' what? ', session_id: 's23', metadata }));
    assert.deepEqual([job['status'], job['question'], job['session_id']], ['complete', 'what?', 's23']);
    assert.deepEqual([job['metadata'], job['attempts'], job['error']], [metadata, 1, null]);
    const result = job['result'] as {
      ok: boolean;
      session_id: string;
      summary: { text: string; is_complete: boolean };
      messages: { type: string }[];
    };
    assert.deepEqual([result.ok, result.session_id], [true, 's23']);
    assert.deepEqual([result.summary.text, result.summary.is_complete], ['what?', true]);
    assert.deepEqual(
      result.messages.map(({ type }) => type),
      ['user', 'assistant', 'result'],
    );
    assert.deepEqual(job['artifacts'], { root: null, files: [] });
    const nowSeconds = Date.now() / 1_000;
    for (const key of ['created_at', 'updated_at', 'started_at', 'completed_at']) {
      assert.ok(Math.abs(Number(job[key]) - nowSeconds) < 600, `${key} is in seconds`);
    }
  });

  test('24. a client job_id at /submit is ignored', async () => {
    const wanted = randomUUID();
    assert.notEqual(await caller.submitJob({ job_id: wanted }), wanted);
  });

  test('25. agent_type reaches the run; an unknown one is 400 with the names there are', async () => {
    const echoed = await caller.ended(await caller.submitJob({ question: 'echo $((1+1))', agent_type: ' echo ' }));
    const ran = await caller.ended(await caller.submitJob({ question: 'echo $((1+1))', agent_type: 'shell' }));
    const textOf = (job: Readonly<Record<string, unknown>>) =>
      (job['result'] as { summary: { text: string } }).summary.text;
    assert.deepEqual([textOf(echoed), textOf(ran)], ['echo $((1+1))', '2\n']);
    const error = "Unknown agent type: 'nobody'. Available: default, echo, marketing, research, shell";
    assertError(await caller.submit({ agent_type: 'nobody' }), 400, error);
  });

  test('26. an empty question is accepted and the job ends', async () => {
    assert.equal((await caller.ended(await caller.submitJob({ question: '' })))['status'], 'complete');
  });

  test('27. a job scheduled for later is queued until then; past, 0 and negative are immediate', async () => {
    for (const at of [Math.floor(Date.now() / 1_000) - 10, 0, -5]) {
      const job = await caller.ended(await caller.submitJob({ schedule_at: at }));
      assert.deepEqual([job['status'], job['schedule_at']], ['complete', null]);
    }
    const at = Math.floor(Date.now() / 1_000) + 2;
    const jobId = await caller.submitJob({ schedule_at: at });
    const waiting = await caller.job(jobId);
    assert.deepEqual([waiting['status'], waiting['schedule_at'], waiting['attempts']], ['queued', at, 0]);
    const job = await caller.ended(jobId);
    assert.ok(Number(job['started_at']) >= at);
  });

  test('28. jobs of one session run one after the other, of two sessions in parallel', async () => {
    const script = 'sleep 0.3';
    const session = randomUUID();
    const ids = await Promise.all(
      [1, 2].map(async () => await caller.submitJob({ question: script, agent_type: 'shell', session_id: session })),
    );
    const eventsOf = async (jobId: string) => {
      await caller.ended(jobId);
      const page = await caller.send({ path: `/jobs/${jobId}/events`, headers: { accept: 'application/json' } });
      return (page.json['events'] as { seq: number; type: string; at: number }[]).filter(({ type }) =>
        /started$|completed$/.test(type),
      );
    };
    const [one = [], two = []] = await Promise.all(ids.map(eventsOf));
    const spans = [one, two]
      .map((events) => [events[0]?.seq ?? 0, events.at(-1)?.seq ?? 0])
      .toSorted((a, b) => (a[0] ?? 0) - (b[0] ?? 0));
    assert.ok((spans[0]?.[1] ?? 0) < (spans[1]?.[0] ?? 0), 'the spans of one session do not overlap');
    const parallel = await Promise.all(
      [1, 2].map(async () => await eventsOf(await caller.submitJob({ question: 'sleep 1', agent_type: 'shell' }))),
    );
    const [first = [], second = []] = parallel;
    const startOf = (events: { at: number }[]) => events[0]?.at ?? 0;
    const endOf = (events: { at: number }[]) => events.at(-1)?.at ?? 0;
    assert.ok(startOf(first) < endOf(second) && startOf(second) < endOf(first), 'the spans of two sessions overlap');
  });

  test('29. an agent error fails the job with its text and a partial result', async () => {
    const job = await caller.ended(
      await caller.submitJob({ question: 'echo partial; echo why >&2; exit 3', agent_type: 'shell' }),
    );
    assert.equal(job['status'], 'failed');
    assert.match(String(job['error']), /exit code 3[\s\S]*why/);
    const result = job['result'] as { ok: boolean; summary: { is_error: boolean; subtype: string; text: string } };
    assert.deepEqual([result.ok, result.summary.is_error, result.summary.subtype], [false, true, 'error']);
    assert.equal(result.summary.text, 'partial\n');
  });

  test('30. a canceled queued job never runs; a canceled running job is canceled now and after its run ended', async () => {
    const queued = await caller.submitJob({ schedule_at: inAnHour() });
    assert.equal((await caller.cancel(queued))['status'], 'canceled');
    const never = await caller.ended(queued);
    assert.deepEqual([never['attempts'], never['started_at'], never['result']], [0, null, null]);
    const running = await caller.submitJob({ question: 'sleep 30', agent_type: 'shell' });
    await hasStarted(caller, running);
    assert.equal((await caller.cancel(running))['status'], 'canceled');
    const ended = await caller.ended(running);
    assert.deepEqual([ended['status'], ended['completed_at']], ['canceled', null]);
    assert.equal((ended['result'] as { summary: { subtype: string } }).summary.subtype, 'cancelled');
  });

  test('31. a second cancel changes nothing, nor does the cancel of a complete job', async () => {
    const jobId = await caller.submitJob({ schedule_at: inAnHour() });
    const first = await caller.cancel(jobId);
    assert.deepEqual(await caller.cancel(jobId), first);
    const done = await caller.ended(await caller.submitJob());
    assert.deepEqual(await caller.cancel(String(done['job_id'])), done);
  });

  test('52. Idempotency-Key: same body gives the same job, another body 422, two in parallel one job', async () => {
    const key = { 'idempotency-key': randomUUID() };
    const first = await caller.submit({ agent_type: 'echo' }, key);
    assert.equal(first.headers['idempotency-replayed'], undefined);
    const again = await caller.submit({ agent_type: 'echo' }, key);
    assert.deepEqual([again.text, again.headers['idempotency-replayed']], [first.text, 'true']);
    const mismatch = 'Idempotency-Key was used with a different request body';
    assertError(await caller.submit({ agent_type: 'shell' }, key), 422, mismatch);
    const fresh = { 'idempotency-key': randomUUID() };
    const answers = await Promise.all(
      Array.from({ length: 10 }, async () => await caller.submit({ agent_type: 'echo' }, fresh)),
    );
    assert.equal(new Set(answers.map(({ text }) => text)).size, 1);
    assert.equal(answers.filter(({ headers }) => headers['idempotency-replayed'] === undefined).length, 1);
    for (const bad of ['', 'a b', 'x'.repeat(256), 'é']) {
      assertError(await caller.submit({}, { 'idempotency-key': bad }), 400, 'Invalid Idempotency-Key');
    }
    const other = as({ tenant_id: 't', user_id: 'u' });
    assert.notEqual((await other.submit({ agent_type: 'echo' }, key)).text, first.text);
  });

  test('52. an error before any work frees the key', async () => {
    const key = { 'idempotency-key': randomUUID() };
    assert.equal((await caller.submit({ agent_type: 'nobody' }, key)).status, 400);
    assert.equal((await caller.submit({ agent_type: 'echo' }, key)).status, 200);
  });

  test('53. an SDK retry without key gives the same answer; count 0 makes a second job', async () => {
    const body = { agent_type: 'echo', question: randomUUID() };
    const first = await caller.submit(body, { 'x-stainless-retry-count': '0' });
    const retry = await caller.submit(body, { 'x-stainless-retry-count': '1' });
    assert.deepEqual([retry.text, retry.headers['idempotency-replayed']], [first.text, 'true']);
    const second = await caller.submit(body, { 'x-stainless-retry-count': '0' });
    assert.notEqual(second.text, first.text);
    assert.equal((await caller.submit(body, { 'x-stainless-retry-count': '2' })).text, second.text);
    const other = as({ user_id: 'admin' });
    assert.notEqual((await other.submit(body, { 'x-stainless-retry-count': '1' })).text, second.text);
  });
};

/** Resolves once the job's first step has been logged: from then on it certainly runs. */
const hasStarted = async (caller: Caller, jobId: string): Promise<void> => {
  const response = await fetch(`${caller.target.url}/jobs/${jobId}/events`, {
    headers: { authorization: `Bearer ${caller.credential}` },
  });
  assert.ok(response.body);
  let text = '';
  for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) {
    text += chunk;
    if (text.includes('event: step.started')) return;
  }
  assert.fail(`the job ended without a step: ${text}`);
};
