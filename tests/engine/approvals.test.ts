import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { cancelJob } from '../../src/actions/cancel-job.ts';
import { decideApproval } from '../../src/actions/decide-approval.ts';
import { isKaziError } from '../../src/core/errors.ts';
import type { RunContext, RunPark, RunResult } from '../../src/runtimes/runtime.ts';
import { ask, WAITING } from '../support/asking-runtime.ts';
import { createTestDatabase } from '../support/database.ts';
import { ADMIN, runResult, startTestNode, type TestNode } from '../support/node.ts';
import { rowsOf } from '../support/rows.ts';
import { eventually } from '../support/signals.ts';

type Run = (context: RunContext) => Promise<RunResult | RunPark>;

/** Asks once, waits, and answers with what it was told. */
const askAndTell =
  (parts: Parameters<typeof ask>[1] = {}): Run =>
  async (context) => {
    const { decision } = await ask(context, parts);
    if (!decision || decision.state === 'pending') return WAITING;
    return runResult(JSON.stringify([decision.state, decision.isAllowed, decision.message]));
  };

const allow = async (node: Pick<TestNode, 'context'>, id: string, message: string | null = null) =>
  await decideApproval(node.context, ADMIN, { id, namedSessionId: null }, { state: 'allowed', message });
const deny = async (node: Pick<TestNode, 'context'>, id: string, message: string | null = null) =>
  await decideApproval(node.context, ADMIN, { id, namedSessionId: null }, { state: 'denied', message });

const start = async (t: TestContext, run: Run, settings: Readonly<Record<string, string>> = {}) => {
  const { url: databaseUrl } = await createTestDatabase(t);
  const rows = rowsOf(databaseUrl);
  const node = await startTestNode(t, { databaseUrl, run, settings });
  return {
    node,
    databaseUrl,
    rows,
    submit: async (question: string, sessionId?: string) =>
      await node.submit(question, { agent: 'default', ...(sessionId === undefined ? {} : { sessionId }) }),
    /** The open request of a job that has been let go by its node. */
    parked: async (jobId: string): Promise<string> =>
      await eventually(`job ${jobId} parked with a request`, async () => {
        const [row] = await rows<{ id: string }>(
          `select a.id from approvals a join jobs j on j.id = a.job_id
           where j.id = $1 and a.state = 'pending' and j.state = 'queued' and j.run_at > clock_timestamp()`,
          [jobId],
        );
        return row?.id;
      }),
  };
};

describe('a job that asks', () => {
  test('goes on when it is allowed, with the message, and no start of it counts', async (t) => {
    const { node, submit, parked, rows } = await start(t, askAndTell());
    const id = await submit('x');
    await allow(node, await parked(id), 'gently');
    const job = await node.ended(id);
    assert.deepEqual([job.state, job.outcome?.text], ['complete', '["allowed",true,"gently"]']);
    assert.deepEqual(await node.events(id), [
      'job.submitted',
      'job.started',
      'approval.requested',
      'job.requeued',
      'approval.decided',
      'job.started',
      'job.completed',
    ]);
    const [event] = await rows<{ data: unknown }>(`select data from events where type = 'approval.decided'`);
    const [{ id: approval } = { id: '' }] = await rows<{ id: string }>('select id from approvals');
    assert.deepEqual(event?.data, {
      approval_id: approval,
      ordinal: 1,
      kind: 'tool',
      tool: 'bash',
      state: 'allowed',
      message: 'gently',
      decided_by: 'admin',
    });
    const [counts] = await rows<{ counted: number }>('select attempts - spared_attempts as counted from jobs');
    assert.equal(counts?.counted, 1);
  });

  test('learns of a denial and its reason', async (t) => {
    const { node, submit, parked } = await start(t, askAndTell());
    const id = await submit('x');
    await deny(node, await parked(id), 'not on a Friday');
    assert.equal((await node.ended(id)).outcome?.text, '["denied",false,"not on a Friday"]');
  });

  for (const onExpiry of ['allow', 'deny'] as const) {
    test(`wakes by itself when the time of its request is over, and takes the default: ${onExpiry}`, async (t) => {
      // WAITING is far longer than the request: the request's own time decides.
      const { node, submit, rows } = await start(t, askAndTell({ expiresMs: 200, onExpiry }));
      const id = await submit('x');
      assert.equal((await node.ended(id)).outcome?.text, JSON.stringify(['expired', onExpiry === 'allow', null]));
      const [row] = await rows<{ id: string; state: string; same: boolean }>(
        'select id, state, decided_at = expires_at as same from approvals',
      );
      assert.deepEqual([row?.state, row?.same], ['expired', true]);
      await assert.rejects(allow(node, row?.id ?? ''), (error) => isKaziError(error, 'APPROVAL_EXPIRED'));
    });
  }

  test('does not wait longer for having been woken by another decision', async (t) => {
    const { node, submit, rows } = await start(t, async (context) => {
      const short = await ask(context, { ordinal: 1, expiresMs: 1_500 });
      const other = await ask(context, { ordinal: 2 });
      if (short.decision?.state === 'expired') return runResult(`${other.decision?.state} ${context.job.attempts}`);
      return WAITING;
    });
    const id = await submit('x');
    const other = await eventually('the second request', async () => {
      const [row] = await rows<{ id: string }>('select id from approvals where ordinal = 2');
      return row?.id;
    });
    await allow(node, other);
    assert.match((await node.ended(id)).outcome?.text ?? '', /^allowed /);
  });
});

describe('a decision', () => {
  test('that comes while no node runs is acted on by the next one', async (t) => {
    const { node, submit, parked, databaseUrl } = await start(t, askAndTell());
    const id = await submit('x');
    const approval = await parked(id);
    await node.stop();
    const api = await startTestNode(t, { databaseUrl, settings: { KAZI_ROLE: 'api' } });
    await allow(api, approval);
    assert.equal((await api.job(id)).state, 'queued');
    const next = await startTestNode(t, { databaseUrl, run: askAndTell() });
    assert.equal((await next.ended(id)).outcome?.text, '["allowed",true,null]');
  });

  test('that is made on another node wakes the job where it runs', async (t) => {
    const { node, submit, parked, databaseUrl } = await start(t, askAndTell(), { KAZI_POLL_MS: '60000' });
    const api = await startTestNode(t, { databaseUrl, settings: { KAZI_ROLE: 'api' } });
    const id = await submit('x');
    await allow(api, await parked(id));
    assert.equal((await node.ended(id)).outcome?.text, '["allowed",true,null]');
  });

  test('between the request and the park is not lost', async (t) => {
    const holder: { node?: TestNode } = {};
    const { node, submit } = await start(t, async (context) => {
      const { id, decision } = await ask(context);
      if (decision) return runResult(decision.state);
      assert.ok(holder.node);
      await deny(holder.node, id);
      return WAITING;
    });
    holder.node = node;
    assert.equal((await node.ended(await submit('x'))).outcome?.text, 'denied');
  });

  test('of one of several requests between the look and the park is not lost, and the job settles again', async (t) => {
    const holder: { node?: TestNode } = {};
    const seen: (string | undefined)[][] = [];
    const { node, submit, parked } = await start(t, async (context) => {
      const [first, second] = [await ask(context, { ordinal: 1 }), await ask(context, { ordinal: 2 })];
      seen.push([first.decision?.state, second.decision?.state]);
      assert.ok(holder.node);
      if (!first.decision) await allow(holder.node, first.id);
      if (second.decision?.state === 'denied') return runResult('done');
      return WAITING;
    });
    holder.node = node;
    const id = await submit('x');
    await eventually('a look after the decision', () => seen.length === 2);
    await deny(node, await parked(id));
    assert.equal((await node.ended(id)).outcome?.text, 'done');
    assert.deepEqual(seen, [
      [undefined, undefined],
      ['allowed', 'pending'],
      ['allowed', 'denied'],
    ]);
  });

  test('that races with the park wakes every one of forty jobs', async (t) => {
    const holder: { node?: TestNode } = {};
    const decisions: Promise<unknown>[] = [];
    const { node, submit } = await start(t, async (context) => {
      const { id, decision } = await ask(context);
      if (decision && decision.state !== 'pending') return runResult(decision.state);
      assert.ok(holder.node);
      if (!decision) decisions.push(allow(holder.node, id));
      return WAITING;
    });
    holder.node = node;
    const ids = await Promise.all(Array.from({ length: 40 }, async (_, number) => await submit(`job ${number}`)));
    const ends = await Promise.all(ids.map(async (id) => (await node.ended(id)).outcome?.text));
    assert.deepEqual(new Set(ends), new Set(['allowed']));
    await Promise.all(decisions);
  });

  test('is made once: of an allow and a deny at the same time one is refused', async (t) => {
    const { node, submit, parked, rows } = await start(t, askAndTell());
    for (let round = 0; round < 10; round += 1) {
      const id = await submit(`round ${round}`);
      const approval = await parked(id);
      const [yes, no] = await Promise.allSettled([allow(node, approval), deny(node, approval)]);
      assert.notEqual(yes.status, no.status);
      const refused = yes.status === 'rejected' ? yes : no;
      assert.ok(refused.status === 'rejected' && isKaziError(refused.reason, 'APPROVAL_DECIDED'));
      const text = (await node.ended(id)).outcome?.text;
      assert.equal(text, yes.status === 'fulfilled' ? '["allowed",true,null]' : '["denied",false,null]');
    }
    const [count] = await rows<{ count: string }>(`select count(*) from events where type = 'approval.decided'`);
    assert.equal(count?.count, '10');
  });
});

describe('a parked job', () => {
  test('gives its slot to other sessions, and keeps its own session waiting behind it', async (t) => {
    const run: Run = async (context) =>
      context.job.question === 'ask' ? await askAndTell()(context) : runResult(context.job.question);
    const { node, submit, parked } = await start(t, run, { KAZI_RUNNER_CONCURRENCY: '1' });
    const asking = await submit('ask', 's');
    const behind = await submit('behind', 's');
    const approval = await parked(asking);
    assert.equal((await node.ended(await submit('other', 'elsewhere'))).outcome?.text, 'other');
    assert.deepEqual([(await node.job(behind)).state, (await node.job(behind)).attempts], ['queued', 0]);
    await allow(node, approval);
    const [first, second] = [await node.ended(asking), await node.ended(behind)];
    assert.deepEqual([first.state, second.state], ['complete', 'complete']);
    assert.ok(first.completedAt && second.startedAt && first.completedAt <= second.startedAt);
  });

  test('that is canceled asks no more, and frees its session', async (t) => {
    const run: Run = async (context) =>
      context.job.question === 'ask' ? await askAndTell()(context) : runResult(context.job.question);
    const { node, submit, parked, rows } = await start(t, run);
    const asking = await submit('ask', 's');
    const behind = await submit('behind', 's');
    const approval = await parked(asking);
    await cancelJob(node.context, ADMIN, { jobId: asking, namedSessionId: null });
    assert.equal((await node.ended(behind)).outcome?.text, 'behind');
    assert.deepEqual([(await node.job(asking)).state, (await node.job(asking)).attempts], ['canceled', 1]);
    const [row] = await rows<{ state: string }>('select state from approvals');
    assert.equal(row?.state, 'canceled');
    await assert.rejects(allow(node, approval), (error) => isKaziError(error, 'APPROVAL_CANCELED'));
  });

  test('that ended without waiting has withdrawn what it asked', async (t) => {
    const { node, submit, rows } = await start(t, async (context) => {
      await ask(context);
      return { ...runResult(''), state: 'failed', error: 'gave up' };
    });
    assert.equal((await node.ended(await submit('x'))).state, 'failed');
    const [row] = await rows<{ id: string; state: string }>('select id, state from approvals');
    assert.equal(row?.state, 'canceled');
    await assert.rejects(allow(node, row?.id ?? ''), (error) => isKaziError(error, 'APPROVAL_CANCELED'));
  });
});
