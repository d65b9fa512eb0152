import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import type { Answer, WireRequest } from '../../support/api-client.ts';
import { eventually } from '../../support/signals.ts';
import { assertError, assertText, assertValid, Caller, mintToken, type Target } from './target.ts';

/** Two steps: a graceful stop comes between them. */
const TWO_STEPS = '```sh\necho begun; sleep 1.5\n```\n```sh\necho never\n```';

/** Conformance checks 15, 17, 40 and 41. */
export const defineStopChecks = (target: Target): void => {
  const caller = new Caller(target);
  const freshId = (): string => `s-${randomUUID()}`;
  const stop = async (session: string, body?: WireRequest['body']): Promise<Answer> => {
    const answer = await caller.post(`/session/${session}/stop`, body);
    if (answer.status === 200) assertValid('SessionStopResponse', answer.json);
    return answer;
  };
  const entry = async (session: string): Promise<Readonly<Record<string, unknown>>> => {
    const answer = await caller.get(`/session/${session}/stop`);
    assertValid('SessionStopResponse', answer.json);
    return answer.json;
  };
  const start = async (session: string, question: string): Promise<string> => {
    const jobId = await caller.submitJob({ session_id: session, agent_type: 'shell', question });
    await eventually('a running job', async () => (await caller.job(jobId))['status'] === 'running');
    return jobId;
  };

  test('15. the stop of a session is closed to a second user of the tenant', async () => {
    const session = freshId();
    const as = (user: string): Caller =>
      new Caller(target, mintToken(target, { tenant_id: `t-${session}`, user_id: user }));
    await as('first').submitJob({ session_id: session });
    assertError(await as('second').get(`/session/${session}/stop`), 403, 'Session user mismatch');
    assertError(await as('second').post(`/session/${session}/stop`, '{'), 403, 'Session user mismatch');
  });

  test('17. the path and method cases of stop', async () => {
    assertText(await caller.send({ method: 'DELETE', path: '/session/x/stop' }), 405, 'Method not allowed');
    assertError(await caller.post('/session/a%2Fb/stop'), 400, 'Invalid session id');
  });

  test('40. an immediate stop ends the run at once, keeps what it said, and does not touch the next one', async () => {
    const session = freshId();
    const jobId = await start(session, 'echo begun; sleep 60');
    const next = await caller.submitJob({ session_id: session, question: 'the next one' });
    const answer = await stop(session, { mode: 'immediate', reason: 'enough' });
    assert.deepEqual(
      [answer.json['ok'], answer.json['status'], answer.json['reason'], answer.json['message']],
      [true, 'requested', 'enough', 'Session interrupted immediately.'],
    );
    const now = Math.floor(Date.now() / 1_000);
    assert.ok(Math.abs(Number(answer.json['expires_at']) - now - 3_600) < 60);
    const job = await caller.ended(jobId);
    const result = job['result'] as { readonly summary: Readonly<Record<string, unknown>> };
    assert.deepEqual(
      [job['status'], result.summary['subtype'], result.summary['is_error']],
      ['canceled', 'cancelled', false],
    );
    assert.equal((await caller.ended(next))['status'], 'complete');
    assert.equal((await entry(session))['status'], 'not_found', 'the next run has begun');
  });

  test('40. a graceful stop ends the run after its step; a second one says so, an immediate one escalates', async () => {
    const session = freshId();
    const jobId = await start(session, TWO_STEPS);
    const first = await stop(session);
    assert.equal(first.json['message'], 'Session stop requested. Agent will stop after current tool call.');
    assert.equal(first.json['status'], 'requested');
    const second = await stop(session, { mode: 'graceful' });
    assert.equal(second.json['message'], 'Session stop already requested.');
    assert.equal(second.json['requested_at'], first.json['requested_at']);
    const job = await caller.ended(jobId);
    const { summary } = job['result'] as { readonly summary: Readonly<Record<string, unknown>> };
    assert.deepEqual([job['status'], summary['text']], ['canceled', 'begun\n'], 'its first step came to its end');
    assert.deepEqual([(await entry(session))['status'], (await entry(session))['message']], ['acknowledged', null]);
    const other = await start(session, 'sleep 60');
    await stop(session);
    const escalated = await stop(session, { mode: 'immediate' });
    assert.equal(escalated.json['message'], 'Session interrupted immediately.');
    assert.equal((await caller.ended(other))['status'], 'canceled');
  });

  test('40. a query that is stopped answers 200', async () => {
    const session = freshId();
    const query = caller.query({ session_id: session, agent_type: 'shell', question: 'sleep 60' });
    await eventually('a running query', async () => {
      const { json } = await caller.get(`/session/${session}/state`);
      return (json['state'] as { readonly status: string }).status === 'executing';
    });
    await stop(session, { mode: 'immediate' });
    const answer = await query;
    const summary = answer.json['summary'] as Readonly<Record<string, unknown>>;
    assert.deepEqual([answer.status, answer.json['ok'], summary['subtype']], [200, true, 'cancelled']);
    assert.equal((await caller.query({ session_id: session })).status, 200);
  });

  test('41. a stop of an idle session is harmless and leaves nothing behind', async () => {
    const session = freshId();
    for (let round = 0; round < 2; round += 1) {
      const answer = await stop(session, round === 0 ? undefined : {});
      assert.deepEqual(
        [answer.status, answer.json['status'], answer.json['message']],
        [200, 'acknowledged', 'No run in progress; nothing to stop.'],
      );
      const read = await entry(session);
      assert.deepEqual([read['status'], read['message']], ['not_found', 'No active cancellation for this session']);
      assert.equal((await caller.query({ session_id: session })).status, 200);
    }
  });

  test('41. a body that is no stop request is 400', async () => {
    const session = freshId();
    const bodies: readonly Readonly<Record<string, unknown>>[] = [
      { requested_by: 'me' },
      { mode: null },
      { mode: 'soon' },
      { reason: 1 },
    ];
    for (const body of bodies) {
      assertError(await stop(session, body), 400, 'Invalid session stop request body');
    }
    assertError(await stop(session, '{'), 400, 'Invalid JSON request body');
  });
};
