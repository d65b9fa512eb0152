import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, test } from 'node:test';
import { startApi } from '../support/api.ts';
import { type Answer, bearer, send } from '../support/api-client.ts';
import { ask, WAITING } from '../support/asking-runtime.ts';
import { runResult } from '../support/node.ts';
import { rowsOf } from '../support/rows.ts';
import { eventually } from '../support/signals.ts';

const api = await startApi({
  runtimes: [
    {
      name: 'shell',
      run: async (context) => {
        const expiresMs = context.job.question === 'hasty' ? 50 : 3_600_000;
        const { decision } = await ask(context, { expiresMs });
        if (!decision || decision.state === 'pending') return WAITING;
        return runResult(`${decision.state}: ${decision.message}`);
      },
    },
  ],
});
const rows = rowsOf(api.databaseUrl);

type View = Readonly<Record<string, unknown>>;
const call = async (
  method: string,
  path: string,
  { key = api.adminKey, body }: { readonly key?: string; readonly body?: View | string } = {},
): Promise<Answer> =>
  await send(api.url, { method, path, headers: bearer(key), ...(body === undefined ? {} : { body }) });
const viewOf = (answer: Answer): View => answer.json['approval'] as View;

/** Submits a job that asks; gives its id, and that of its request once that is stored. */
const submit = async (
  fields: View = {},
  key = api.adminKey,
): Promise<{ readonly jobId: string; readonly id: string }> => {
  const submitted = await call('POST', '/submit', {
    key,
    body: { question: 'tidy up', agent_type: 'shell', ...fields },
  });
  const jobId = String(submitted.json['job_id']);
  const id = await eventually('a request', async () => {
    const [row] = await rows<{ id: string }>('select id from approvals where job_id = $1', [jobId]);
    return row?.id;
  });
  return { jobId, id };
};
const list = async (query: string, key = api.adminKey): Promise<{ ids: unknown[]; next: string | null }> => {
  const answer = await call('GET', `/approvals?${query}`, { key });
  assert.equal(answer.status, 200, answer.text);
  return {
    ids: (answer.json['approvals'] as View[]).map((view) => view['id']),
    next: answer.json['next_cursor'] as string | null,
  };
};
const jobEnded = async (jobId: string): Promise<View> =>
  await eventually('the end of the job', async () => {
    const { json } = await call('GET', `/jobs/${jobId}`);
    return !['queued', 'running'].includes(String(json['status'])) && json;
  });

describe('GET /approvals/:id and POST /approvals/:id', () => {
  test('show what is asked, and take a decision that the job acts on', async () => {
    const before = Math.floor(Date.now() / 1_000) - 1;
    const { jobId, id } = await submit({ session_id: 'shown' });
    const found = viewOf(await call('GET', `/approvals/${id}`));
    const { created_at: createdAt, expires_at: expiresAt, ...rest } = found;
    assert.deepEqual(rest, {
      id,
      job_id: jobId,
      session_id: 'shown',
      agent: 'shell',
      kind: 'tool',
      tool: 'bash',
      input: { command: 'tidy up' },
      state: 'pending',
      on_expiry: 'deny',
      message: null,
      decided_by: null,
      decided_at: null,
    });
    assert.ok(Number(createdAt) >= before && Math.abs(Number(expiresAt) - Number(createdAt) - 3_600) <= 1);
    const decided = await call('POST', `/approvals/${id}`, { body: { decision: 'allow', message: 'but gently' } });
    assert.equal(decided.status, 200, decided.text);
    const view = viewOf(decided);
    assert.deepEqual([view['state'], view['message'], view['decided_by']], ['allowed', 'but gently', 'admin']);
    assert.ok(Number(view['decided_at']) >= before);
    const job = await jobEnded(jobId);
    assert.equal((job['result'] as { summary: { text: string } }).summary.text, 'allowed: but gently');
    const events = await call('GET', `/jobs/${jobId}/events?after=0`);
    assert.match(events.text, /approval\.decided/);
  });

  test('the same decision again changes nothing; another one is refused and told who decided', async () => {
    const { id } = await submit();
    const first = await call('POST', `/approvals/${id}`, { body: { decision: 'deny', message: 'no' } });
    const again = await call('POST', `/approvals/${id}`, { body: { decision: 'deny', message: 'later words' } });
    assert.deepEqual([again.status, again.text], [200, first.text]);
    const other = await call('POST', `/approvals/${id}`, { body: { decision: 'allow' } });
    assert.equal(other.status, 409);
    assert.match(String(other.json['error']), /^Approval already decided: denied by admin at \d{4}-.*Z\. /);
  });

  test('a request whose time is over, or whose job was canceled, is refused with 409', async () => {
    const hasty = await submit({ question: 'hasty' });
    await jobEnded(hasty.jobId);
    assert.equal(viewOf(await call('GET', `/approvals/${hasty.id}`))['state'], 'expired');
    const late = await call('POST', `/approvals/${hasty.id}`, { body: { decision: 'allow' } });
    assert.deepEqual(
      [late.status, /^Approval expired at .* default was taken: deny/.test(late.text.slice(21))],
      [409, true],
    );
    const canceled = await submit();
    await call('DELETE', `/jobs/${canceled.jobId}`);
    const refused = await call('POST', `/approvals/${canceled.id}`, { body: { decision: 'allow' } });
    assert.equal(refused.status, 409);
    assert.match(refused.text, /job was canceled or has ended/);
  });

  test('shows and refuses as expired what its job has not noticed yet', async () => {
    const { id } = await submit({ session_id: 'unnoticed' });
    await rows(`update approvals set expires_at = clock_timestamp() - interval '1 s' where id = $1`, [id]);
    const view = viewOf(await call('GET', `/approvals/${id}`));
    assert.deepEqual([view['state'], view['decided_at']], ['expired', view['expires_at']]);
    assert.equal((await call('POST', `/approvals/${id}`, { body: { decision: 'allow' } })).status, 409);
    assert.deepEqual((await list('session_id=unnoticed')).ids, []);
    assert.ok(!(await list('limit=100')).ids.includes(id));
    assert.deepEqual((await list('session_id=unnoticed&state=expired')).ids, [id]);
  });

  test('refuse bad bodies with 400 and words, and unknown ids with 404', async () => {
    const { id } = await submit();
    for (const [body, words] of [
      ['{', /Invalid JSON/],
      [{}, /decision: found nothing, expected "allow", "deny"/],
      [{ decision: 'maybe' }, /decision: found "maybe"/],
      [{ decision: 'allow', message: 7 }, /message: found 7, expected text/],
      [{ decision: 'allow', message: 'a\0b' }, /message: found /],
      [
        { decision: 'allow', message: 'x'.repeat(10_001) },
        /message: found 10001 characters, expected at most 10000 characters/,
      ],
      [{ decision: 'allow', mesage: 'x' }, /found the unknown field "mesage", expected decision, message/],
      ['[]', /body: found a list of 0/],
      ['null', /body: found null, expected an object/],
    ] as const) {
      const answer = await call('POST', `/approvals/${id}`, { body });
      assert.equal(answer.status, 400, answer.text);
      assert.match(String(answer.json['error']), words);
    }
    assert.equal(viewOf(await call('GET', `/approvals/${id}`))['state'], 'pending');
    for (const unknown of [randomUUID(), 'nope', '%00', '%']) {
      assert.equal((await call('GET', `/approvals/${unknown}`)).status, 404, unknown);
      assert.equal((await call('POST', `/approvals/${unknown}`, { body: { decision: 'deny' } })).status, 404, unknown);
    }
  });

  test('belong to whoever may read the job, and to nobody else', async () => {
    const owner = api.token({ tenantId: 'own', userId: 'u' });
    const { id } = await submit({ session_id: 'owned' }, owner);
    for (const stranger of [
      api.adminKey,
      api.token({ tenantId: 'own', userId: 'v' }),
      api.token({ tenantId: 'x', userId: 'u' }),
      api.token(),
      api.token({ tenantId: 'own', userId: 'u', sessionIds: ['another'] }),
    ]) {
      assert.equal((await call('GET', `/approvals/${id}`, { key: stranger })).status, 403);
      const path = `/approvals/${id}`;
      assert.equal((await call('POST', path, { key: stranger, body: { decision: 'allow' } })).status, 403);
      const lists = await call('GET', '/approvals?state=all&limit=100', { key: stranger });
      assert.ok(!lists.text.includes(id));
    }
    assert.equal((await call('GET', `/approvals/${id}?session_id=another`, { key: owner })).status, 403);
    assert.equal((await call('POST', `/approvals/${id}`, { body: { decision: 'allow' } })).status, 403);
    const scoped = api.token({ tenantId: 'own', sessionIds: ['owned'] });
    const decided = await call('POST', `/approvals/${id}?session_id=owned`, {
      key: scoped,
      body: { decision: 'allow' },
    });
    assert.equal(decided.status, 200, decided.text);
    assert.match(String(viewOf(decided)['decided_by']), /^token:[0-9a-f]{32}$/);
    assert.ok(!decided.text.includes(scoped));
  });
});

describe('GET /approvals', () => {
  test('lists what waits, newest first, page by page, each once', async () => {
    const owner = api.token({ tenantId: 'paged', userId: 'u' });
    const ids: string[] = [];
    for (let number = 0; number < 5; number += 1) ids.push((await submit({ session_id: `p${number}` }, owner)).id);
    for (const scope of ['', '&state=all']) {
      const found: unknown[] = [];
      for (let cursor = ''; ; ) {
        const { ids: page, next } = await list(`limit=2${scope}${cursor}`, owner);
        found.push(...page);
        if (next === null) break;
        cursor = `&cursor=${next}`;
      }
      assert.deepEqual(found, ids.toReversed());
    }
  });

  test('filters by state, session and job', async () => {
    const owner = api.token({ tenantId: 'filters', userId: 'u' });
    const [open, denied] = [await submit({ session_id: 'a' }, owner), await submit({ session_id: 'b' }, owner)];
    await call('POST', `/approvals/${denied.id}`, { key: owner, body: { decision: 'deny' } });
    assert.deepEqual((await list('', owner)).ids, [open.id]);
    assert.deepEqual((await list('state=denied', owner)).ids, [denied.id]);
    assert.deepEqual((await list('state=pending,denied', owner)).ids, [denied.id, open.id]);
    assert.deepEqual((await list('state=all&session_id=b', owner)).ids, [denied.id]);
    assert.deepEqual((await list('session_id=b', owner)).ids, []);
    assert.deepEqual((await list(`state=all&job_id=${denied.jobId}`, owner)).ids, [denied.id]);
    assert.deepEqual((await list(`state=all&session_id=a&job_id=${denied.jobId}`, owner)).ids, []);
    assert.deepEqual((await list(`job_id=${randomUUID()}`, owner)).ids, []);
    assert.deepEqual((await list(`state=all&job_id=${denied.jobId}`)).ids, []);
  });

  test('refuses states, limits, ids and cursors that there are not', async () => {
    const forged = Buffer.from(JSON.stringify(['approvals', 1, 'no uuid'])).toString('base64url');
    for (const query of [
      'state=done',
      'state=pending,',
      'limit=0',
      'limit=101',
      'job_id=x',
      'cursor=x',
      `cursor=${forged}`,
    ]) {
      const answer = await call('GET', `/approvals?${query}`);
      assert.equal(answer.status, 400, `${query} ${answer.text}`);
    }
  });
});
