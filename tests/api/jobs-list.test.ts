import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startApi } from '../support/api.ts';
import { bearer, send } from '../support/api-client.ts';
import { assertValid, Caller } from '../wire/jobs/target.ts';

const api = await startApi();
const target = { url: api.url, signingSecret: api.signingSecret, apiKey: api.adminKey };
const caller = new Caller(target);

type Listed = Readonly<Record<string, unknown>>;
const list = async (query: string, credential = api.adminKey): Promise<{ jobs: Listed[]; next: string | null }> => {
  const answer = await send(api.url, { path: `/jobs?${query}`, headers: bearer(credential) });
  assert.equal(answer.status, 200, answer.text);
  const jobs = answer.json['jobs'] as Listed[];
  for (const job of jobs) assertValid('JobStatusResponse', job);
  return { jobs, next: answer.json['next_cursor'] as string | null };
};
const idsOf = (jobs: readonly Listed[]): unknown[] => jobs.map((job) => job['job_id']);

test('pages through all jobs, newest first, each once', async () => {
  const ids: string[] = [];
  for (let number = 0; number < 7; number += 1) ids.push(await caller.submitJob({ session_id: 'paged' }));
  const found: unknown[] = [];
  for (let cursor = ''; ; ) {
    const { jobs, next } = await list(`session_id=paged&limit=3${cursor}`);
    found.push(...idsOf(jobs));
    if (next === null) break;
    cursor = `&cursor=${next}`;
    // What comes in meanwhile is newer, and does not move the pages.
    await caller.submitJob({ session_id: 'paged' });
  }
  assert.deepEqual(found, ids.toReversed());
});

test('filters by status, session and agent', async () => {
  const waiting = await caller.submitJob({
    session_id: 'filtered',
    schedule_at: Math.floor(Date.now() / 1_000) + 3_600,
  });
  const done = await caller.submitJob({ session_id: 'filtered2' });
  await caller.ended(done);
  assert.deepEqual(idsOf((await list('session_id=filtered&status=queued,running')).jobs), [waiting]);
  assert.deepEqual((await list('session_id=filtered&status=complete')).jobs, []);
  assert.ok(idsOf((await list('agent_type=echo&limit=100')).jobs).includes(done));
  assert.deepEqual((await list('agent_type=shell')).jobs, []);
  assert.deepEqual((await list('session_id=unknown')).jobs, []);
});

test('shows how a job ended, but neither what was said nor its artifacts', async () => {
  const jobId = await caller.submitJob({ session_id: 'summary', question: 'hello' });
  await caller.ended(jobId);
  const [job] = (await list('session_id=summary')).jobs;
  const result = job?.['result'] as { messages: { type: string }[]; summary: { text: string } };
  assert.deepEqual(
    [result.messages.map(({ type }) => type), result.summary.text, job?.['artifacts']],
    [['result'], 'hello', null],
  );
});

test('leaves out what the caller may not read', async () => {
  const mine = api.token({ tenantId: 'lists', userId: 'me' });
  const jobId = await new Caller(target, mine).submitJob({ session_id: 'own' });
  assert.deepEqual(idsOf((await list('', mine)).jobs), [jobId]);
  assert.deepEqual((await list('', api.token({ tenantId: 'lists', userId: 'you' }))).jobs, []);
  assert.deepEqual((await list('', api.token({ tenantId: 'foreign', userId: 'me' }))).jobs, []);
  assert.deepEqual(idsOf((await list('', api.token({ tenantId: 'lists' }))).jobs), [jobId]);
  const scoped = api.token({ tenantId: 'lists', userId: 'me', sessionIds: ['own'] });
  assert.deepEqual(idsOf((await list('session_id=own', scoped)).jobs), [jobId]);
});

test('refuses cursors that it did not make, states that there are not, and limits out of bounds', async () => {
  for (const query of ['cursor=x', 'cursor=', 'status=done', 'status=queued,', 'limit=0', 'limit=101']) {
    const answer = await caller.get(`/jobs?${query}`);
    assert.equal(answer.status, 400, query);
    assert.match(String(answer.json['error']), /found ".*", expected /, query);
  }
});
