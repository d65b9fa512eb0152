import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import pg from 'pg';
import { sweepForks } from '../../src/actions/fork-session.ts';
import { startApi } from '../support/api.ts';
import { bearer, send } from '../support/api-client.ts';
import { createTestDatabase } from '../support/database.ts';
import { TEST_API_KEY } from '../support/job-client.ts';
import { allJobsEnded, rowsOf } from '../support/rows.ts';
import { ServerProcess } from '../support/server-process.ts';
import { eventually } from '../support/signals.ts';
import { assertError, Caller } from '../wire/jobs/target.ts';

const dataDir = await mkdtemp(join(tmpdir(), 'kazi-forks-'));
after(async () => await rm(dataDir, { recursive: true, force: true }));
const api = await startApi({ dataDir });
const rows = rowsOf(api.databaseUrl);
const caller = new Caller({ url: api.url, signingSecret: api.signingSecret, apiKey: api.adminKey });
const freshId = (): string => `f-${randomUUID()}`;

const shell = async (session: string, question: string, parts: Readonly<Record<string, unknown>> = {}) => {
  const answer = await caller.query({ agent_type: 'shell', session_id: session, question, ...parts });
  assert.equal(answer.status, 200, answer.text);
  const { session_id: sessionId, summary } = answer.json as { session_id: string; summary: { text: string } };
  return { sessionId, text: summary.text.trim() };
};
const fork = async (session: string, question: string) => await shell(session, question, { fork_session: true });
const said = async (session: string): Promise<readonly string[]> => {
  const { json } = await caller.get(`/session/${session}/messages`);
  return (json['messages'] as { content: { text?: string }[] }[]).map(({ content }) => content[0]?.text ?? '');
};
const sessions = async () => Number((await rows('select count(*)::integer as n from sessions'))[0]?.['n']);
const folders = async () => (await readdir(join(dataDir, 'workspaces'))).length;

describe('a forked session', () => {
  test('goes on from the history and the files of its source; neither sees what the other does then', async () => {
    const source = freshId();
    await shell(source, 'echo one > a.txt; mkdir -p sub/dir; echo deep > sub/dir/b.txt; echo made');
    const before = await said(source);
    const { sessionId, text } = await fork(source, 'cat a.txt sub/dir/b.txt; echo two > a.txt; echo new > c.txt');
    assert.match(sessionId, /^[0-9a-f-]{36}$/);
    assert.equal(text, 'one\ndeep');
    assert.deepEqual(await said(source), before);
    assert.deepEqual((await said(sessionId)).slice(0, before.length), before);
    assert.equal((await said(sessionId)).length, before.length * 2);
    assert.equal((await shell(source, 'cat a.txt; ls c.txt 2>&1 | wc -l; echo three > a.txt')).text, 'one\n1');
    assert.equal((await shell(sessionId, 'cat a.txt c.txt')).text, 'two\nnew');
    const { json } = await caller.get(`/session/${sessionId}/state`);
    assert.equal((json['state'] as { status: string }).status, 'idle');
  });

  test('can be forked again, and has ids of its own for what was said', async () => {
    const source = freshId();
    const jobId = await caller.submitJob({ session_id: source, agent_type: 'shell', question: 'echo 1 > n' });
    const before = await caller.ended(jobId);
    const first = await fork(source, 'echo 2 >> n');
    const second = await fork(first.sessionId, 'cat n');
    assert.equal(second.text, '1\n2');
    const ids = await rows<{ n: number; ids: number }>(
      'select count(*)::integer as n, count(distinct id)::integer as ids from messages',
    );
    assert.equal(ids[0]?.n, ids[0]?.ids);
    assert.deepEqual(await caller.job(jobId), before, 'the copies are not of its job');
  });

  test('may be taken from a session that is busy, with what is committed by then', async () => {
    const source = freshId();
    await shell(source, 'echo old > file');
    const busy = await caller.submitJob({
      session_id: source,
      agent_type: 'shell',
      question: 'echo half > file; sleep 60',
    });
    await eventually('the busy job', async () => (await caller.job(busy))['status'] === 'running');
    assertError(await caller.query({ session_id: source }), 409, 'Session already executing');
    const { sessionId, text } = await fork(source, 'cat file');
    assert.match(text, /^(old|half|)$/);
    assert.notEqual(sessionId, source);
    assert.equal((await caller.job(busy))['status'], 'running');
    await caller.cancel(busy);
  });

  test('is made by /submit too, and by the key of a session, which stays with the source', async () => {
    const source = freshId();
    await shell(source, 'echo keyed > file', { session_key: 'the key' });
    const jobId = await caller.submitJob({
      session_key: 'the key',
      fork_session: true,
      agent_type: 'shell',
      question: 'cat file',
    });
    const job = await caller.ended(jobId);
    assert.notEqual(job['session_id'], source);
    assert.equal((job['result'] as { summary: { text: string } }).summary.text.trim(), 'keyed');
    const next = await caller.query({ session_key: 'the key' });
    assert.equal(next.json['session_id'], source);
  });

  test('is an empty one where the source does not exist; without a session the wish has no effect', async () => {
    const unknown = freshId();
    const answer = await caller.query({ session_id: unknown, fork_session: true });
    assert.equal(answer.status, 200);
    assert.notEqual(answer.json['session_id'], unknown);
    assert.deepEqual(await rows('select num from sessions where id = $1', [unknown]), []);
    assert.equal((await caller.query({ fork_session: true })).status, 200);
    const unbound = await caller.query({ session_key: freshId(), fork_session: true });
    assert.equal(unbound.status, 200);
  });

  test('belongs to the caller, who must be allowed to use the source', async () => {
    const as = (claims: Readonly<Record<string, unknown>>): Caller =>
      new Caller(caller.target, api.token({ tenantId: 'o', ...claims }));
    const source = freshId();
    const body = { session_id: source, fork_session: true };
    assert.equal((await as({ userId: 'u' }).query({ session_id: source })).status, 200);
    const before = [await sessions(), await folders()];
    assertError(await as({ userId: 'v' }).query(body), 403, 'Session user mismatch');
    assertError(await as({ userId: 'u', sessionIds: ['x'] }).query(body), 403, 'Session not authorized');
    assertError(await as({ userId: 'v' }).submit(body), 403, 'Session user mismatch');
    assert.deepEqual([await sessions(), await folders()], before);
    const elsewhere = await new Caller(caller.target, api.token({ tenantId: 'p', userId: 'u' })).query(body);
    assert.equal(elsewhere.json['messages'] instanceof Array, true, 'the same id of another tenant is another session');
    const mine = await as({ userId: 'u' }).query(body);
    const path = `/session/${String(mine.json['session_id'])}/messages`;
    assert.equal((await as({ userId: 'u' }).get(path)).status, 200);
    assertError(await as({ userId: 'v' }).get(path), 403, 'Session user mismatch');
  });

  test('begins with the limits and counters of its source, and what the source holds stays there', async () => {
    const source = freshId();
    const owner = ['default', source];
    await shell(source, 'true');
    await rows(
      "insert into accounts (tenant_id, kind, id, max_requests, max_cost_micros, requests, spent_micros, held_micros) values ($1, 'session', $2, 7, 9000000, 5, 1200, 300)",
      owner,
    );
    const { sessionId } = await fork(source, 'true');
    const accounts = await rows(
      "select max_requests, max_cost_micros::integer as cost, requests, spent_micros::integer as spent, held_micros::integer as held from accounts where kind = 'session' and id = any ($1) order by held_micros desc",
      [[source, sessionId]],
    );
    const copied = { max_requests: 7, cost: 9_000_000, requests: 5, spent: 1_200 };
    assert.deepEqual(accounts, [
      { ...copied, held: 300 },
      { ...copied, held: 0 },
    ]);
  });

  test('that its budget refuses leaves nothing behind', async () => {
    const source = freshId();
    await shell(source, 'echo x > file');
    await rows(
      "insert into accounts (tenant_id, kind, id, max_requests, requests) values ('default', 'session', $1, 3, 3)",
      [source],
    );
    const before = [
      await sessions(),
      await folders(),
      await rows('select count(*) from accounts'),
      await rows('select count(*) from job_budgets'),
    ];
    const key = { 'idempotency-key': freshId() };
    const refused = await send(api.url, {
      method: 'POST',
      path: '/query',
      headers: { ...bearer(api.adminKey), ...key },
      body: { question: 'x', session_id: source, fork_session: true, agent_type: 'default' },
    });
    assert.deepEqual([refused.status, refused.json['code']], [429, 'request_budget_exceeded']);
    assert.deepEqual(
      [
        await sessions(),
        await folders(),
        await rows('select count(*) from accounts'),
        await rows('select count(*) from job_budgets'),
      ],
      before,
    );
    const freed = await caller.query({ session_id: source, fork_session: true }, key);
    assert.deepEqual([freed.status, freed.headers['idempotency-replayed']], [200, undefined]);
  });

  test('is made once for requests with the same Idempotency-Key, also at once', async () => {
    const source = freshId();
    await shell(source, 'echo x > file');
    const before = [await sessions(), await folders()];
    const key = { 'idempotency-key': freshId() };
    const ask = async () =>
      await caller.query({ session_id: source, fork_session: true, agent_type: 'shell', question: 'cat file' }, key);
    const answers = await Promise.all([ask(), ask(), ask()]);
    answers.push(await ask());
    assert.equal(new Set(answers.map(({ text }) => text)).size, 1, answers.map(({ text }) => text).join('\n'));
    assert.equal(answers.filter(({ headers }) => headers['idempotency-replayed'] === undefined).length, 1);
    assert.deepEqual([await sessions(), await folders()], [(before[0] ?? 0) + 1, (before[1] ?? 0) + 1]);
    assert.deepEqual(await readdir(join(dataDir, 'workspaces/forks')), []);
  });
});

test('a server that is killed between the copy and the commit leaves no session, and the rest is swept away', async (t) => {
  const database = await createTestDatabase(t);
  const folder = await mkdtemp(join(tmpdir(), 'kazi-killed-fork-'));
  t.after(async () => await rm(folder, { recursive: true, force: true }));
  const settings = { DATABASE_URL: database.url, KAZI_DATA_DIR: folder };
  const query = rowsOf(database.url);
  const first = await ServerProcess.start(settings);
  const ask = async (server: ServerProcess, body: Readonly<Record<string, unknown>>) =>
    await send(server.url, {
      method: 'POST',
      path: '/query',
      headers: bearer(TEST_API_KEY),
      body: { session_id: 's', agent_type: 'shell', ...body },
    });
  assert.equal((await ask(first, { question: 'echo kept > file' })).status, 200);

  const blocker = new pg.Client({ connectionString: database.url });
  await blocker.connect();
  await blocker.query('begin');
  // The fork waits here, after its copy.
  await blocker.query('lock table accounts in access exclusive mode');
  const lost = ask(first, { question: 'cat file', fork_session: true }).catch(() => null);
  await eventually('the waiting fork', async () => {
    const waiting = await query(
      "select 1 from pg_stat_activity where wait_event_type = 'Lock' and query like '%fork_session%'",
    );
    return waiting.length > 0;
  });
  await first.kill();
  await lost;
  await blocker.query('rollback');
  await blocker.end();

  const second = await ServerProcess.start(settings);
  t.after(async () => await second.stopWell());
  await allJobsEnded(query, 10_000);
  assert.deepEqual(await query('select id from sessions'), [{ id: 's' }]);
  const [leftover] = await readdir(join(folder, 'workspaces/forks'));
  assert.ok(leftover !== undefined);
  assert.deepEqual(await readdir(join(folder, 'workspaces', leftover, 'files')), ['file']);
  const again = await ask(second, { question: 'cat file', fork_session: true });
  assert.equal((again.json['summary'] as { text: string }).text.trim(), 'kept');
  assert.notEqual(again.json['session_id'], 's');

  const sweeper = await startApi({ databaseUrl: database.url, dataDir: folder, runsJobs: false }, t);
  await sweepForks(sweeper.context);
  assert.deepEqual(await readdir(join(folder, 'workspaces/forks')), [leftover], 'one that is under way is left alone');
  const longAgo = new Date(Date.now() - 90_000_000);
  await utimes(join(folder, 'workspaces/forks', leftover), longAgo, longAgo);
  await sweepForks(sweeper.context);
  assert.deepEqual(await readdir(join(folder, 'workspaces/forks')), []);
  assert.deepEqual((await readdir(join(folder, 'workspaces'))).includes(leftover), false);
});
