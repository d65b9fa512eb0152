import assert from 'node:assert/strict';
import { test } from 'node:test';
import { bearer, send } from '../../support/api-client.ts';
import { eventually } from '../../support/signals.ts';
import { assertDetail, Caller, countsOf, SHELL, type Target, UNKNOWN_UUID } from './target.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Conformance checks 13 to 18, 20 to 28, 42: the life of a batch and its items. */
export const defineLifeChecks = (target: Target): void => {
  const caller = new Caller(target);
  const jobIdOf = (run: Fields | undefined): string => String(run?.['id']).replace('run-', '');
  const jobOf = async (run: Fields | undefined): Promise<Fields> => await caller.job(jobIdOf(run));
  const metadataOf = (run: Fields | undefined): Fields => (run?.['metadata'] ?? {}) as Fields;
  /** A batch whose first item runs until it is stopped, and whose others wait behind it. */
  const startLong = async (others: number): Promise<{ readonly id: string; readonly agent: string }> => {
    const agent = await caller.agent(SHELL);
    const items = Array.from({ length: others }, () => [agent, 'echo late'] as const);
    const id = await caller.batch([[agent, 'sleep 60'], ...items]);
    await eventually('the first item to run', async () => (await caller.runs(id))[0]?.['status'] === 'running');
    return { id, agent };
  };

  test('13. items of two agents run in parallel, and the batch ends with all its figures', async () => {
    const [one = '', two = ''] = await caller.agents(2, SHELL);
    const id = await caller.batch([
      [one, 'sleep 0.5'],
      [two, 'sleep 0.5'],
    ]);
    const batch = await caller.ended(id);
    assert.deepEqual([batch['status'], batch['stop_reason'], countsOf(batch)], ['completed', 'end_turn', [2, 2, 0, 0]]);
    assert.ok(Number(batch['total_duration_ns']) >= 500_000_000);
    assert.ok(batch['completed_at']);
    const [first, second] = await Promise.all((await caller.runs(id)).map(jobOf));
    assert.ok(Number(first?.['started_at']) <= Number(second?.['completed_at']));
    assert.ok(Number(second?.['started_at']) <= Number(first?.['completed_at']));
  });

  test('14. one of two that fails leaves the other alone; its error is in its run and job', async () => {
    const [one = '', two = ''] = await caller.agents(2, SHELL);
    const id = await caller.batch([
      [one, 'echo ok'],
      [two, 'echo broken >&2; exit 3'],
    ]);
    const batch = await caller.ended(id);
    assert.deepEqual([batch['status'], countsOf(batch)], ['completed', [2, 1, 1, 0]]);
    const [good, bad] = await caller.runs(id);
    assert.deepEqual([good?.['status'], bad?.['status'], bad?.['stop_reason']], ['completed', 'failed', 'error']);
    assert.match(String(metadataOf(bad)['error']), /exit code 3[^]*broken/);
    assert.equal((await jobOf(bad))['error'], metadataOf(bad)['error']);
  });

  test('15. a batch whose items all fail has failed', async () => {
    const [one = '', two = ''] = await caller.agents(2, SHELL);
    const batch = await caller.ended(
      await caller.batch([
        [one, 'exit 1'],
        [two, 'exit 1'],
      ]),
    );
    assert.deepEqual([batch['status'], batch['stop_reason'], countsOf(batch)], ['failed', 'error', [2, 0, 2, 0]]);
  });

  test("16. a plain text answer is a success, in the messages and in the agent's context", async () => {
    const agent = await caller.agent();
    const id = await caller.batch([[agent, 'hello']]);
    assert.deepEqual(countsOf(await caller.ended(id)), [1, 1, 0, 0]);
    const [input, answer] = await caller.messages(id, '?order=asc');
    assert.deepEqual(answer?.['content'], [{ type: 'text', text: 'hello', signature: null }]);
    const state = (await caller.get(`/v1/agents/${agent}`)).json;
    assert.deepEqual(state['message_ids'], [input?.['id'], answer?.['id']]);
    assert.equal(state['last_stop_reason'], 'end_turn');
    assert.ok(state['last_run_completion']);
  });

  test('17. the same agent three times: three jobs, in order, each after the ones before', async () => {
    const agent = await caller.agent(SHELL);
    const append = (word: string) => [agent, `echo ${word} >> log; cat log`] as const;
    const id = await caller.batch([append('one'), append('two'), append('three')]);
    assert.deepEqual(countsOf(await caller.ended(id)), [3, 3, 0, 0]);
    const said = (await caller.list(`/v1/agents/${agent}/messages?order=asc`)).filter(
      ({ message_type: type }) => type === 'assistant_message',
    );
    assert.deepEqual(
      said.map(({ content }) => content),
      ['one\n', 'one\ntwo\n', 'one\ntwo\nthree\n'],
    );
    const jobs = await Promise.all((await caller.runs(id)).map(jobOf));
    assert.deepEqual(
      jobs.map(({ question }) => String(question).split(' ')[1]),
      ['one', 'two', 'three'],
    );
  });

  test('18. the same agent in two live batches never has two runs at once', async () => {
    const agent = await caller.agent(SHELL);
    const guarded = '[ ! -e held ] && echo x > held && sleep 0.05 && rm held';
    const items = Array.from({ length: 4 }, () => [agent, guarded] as const);
    const ids = await Promise.all([caller.batch(items), caller.batch(items)]);
    for (const id of ids) assert.deepEqual(countsOf(await caller.ended(id)), [4, 4, 0, 0]);
  });

  test('20. an item is a run and a job that agree, in the session of its agent', async () => {
    const agent = await caller.agent();
    const id = await caller.batch([[agent, 'x']]);
    await caller.ended(id);
    const [listed] = await caller.runs(id);
    const run = (await caller.get(`/v1/runs/${String(listed?.['id'])}`)).json;
    assert.deepEqual(run, listed);
    const job = await jobOf(run);
    assert.deepEqual(
      [job['session_id'], job['status'], run['status'], run['agent_id']],
      [agent, 'complete', 'completed', agent],
    );
    const { batch_id, batch_item_id, job_status } = metadataOf(run);
    assert.deepEqual([batch_id, batch_item_id, job_status], [id, `batch_item-${jobIdOf(run)}`, 'complete']);
    assert.equal(run['background'], true);
    assert.ok(Number(run['ttft_ns']) >= 0 && Number(run['total_duration_ns']) >= 0);
  });

  test('21. the runs of a batch are all its items, with status and error', async () => {
    const agents = await caller.agents(3, SHELL);
    const id = await caller.batch(agents.map((agent, place) => [agent, `exit ${place}`] as const));
    await caller.ended(id);
    const runs = await caller.runs(id);
    assert.deepEqual(
      runs.map((run) => [run['agent_id'], run['status'], 'error' in metadataOf(run)]),
      agents.map((agent, place) => [agent, place === 0 ? 'completed' : 'failed', place > 0]),
    );
    const items = (await caller.get(`/v1/messages/batches/${id}/items`)).json['items'] as Fields[];
    assert.deepEqual(
      items.map((item) => [item['run_id'], item['status'], item['error'] === null]),
      runs.map((run) => [run['id'], run['status'], run['status'] === 'completed']),
    );
    assert.deepEqual(await caller.list(`/v1/runs/?batch_id=job-${UNKNOWN_UUID}`), []);
  });

  test('22. a batch is no job', async () => {
    const id = await caller.batch([[await caller.agent(), 'x']]);
    const answer = await send(target.url, { path: `/jobs/${id.replace('job-', '')}`, headers: bearer(target.apiKey) });
    assert.equal(answer.status, 404);
  });

  test('23. cancel: queued items never start, running ones end canceled', async () => {
    const { id } = await startLong(2);
    const answer = await caller.cancel(id);
    assert.deepEqual([answer.status, answer.text], [200, 'null']);
    const batch = await caller.retrieve(id);
    assert.deepEqual(
      [batch['status'], batch['stop_reason'], countsOf(batch)],
      ['cancelled', 'cancelled', [3, 0, 0, 3]],
    );
    assert.ok(batch['completed_at'] && batch['total_duration_ns']);
    const runs = await caller.runs(id);
    assert.deepEqual(
      runs.map(({ status }) => status),
      ['cancelled', 'cancelled', 'cancelled'],
    );
    const jobs = await Promise.all(runs.map(jobOf));
    assert.deepEqual(
      jobs.map(({ status, attempts }) => [status, attempts]),
      [
        ['canceled', 1],
        ['canceled', 0],
        ['canceled', 0],
      ],
    );
  });

  test('24. cancel after the end, and twice, changes nothing', async () => {
    const done = await caller.ended(await caller.batch([[await caller.agent(), 'x']]));
    const { id } = await startLong(0);
    await caller.cancel(id);
    const settled = await eventually('the cancelled batch to settle', async () => {
      const batch = await caller.retrieve(id);
      return countsOf(batch)[3] === 1 && batch;
    });
    for (const batch of [done, settled]) {
      const answer = await caller.cancel(String(batch['id']));
      assert.deepEqual([answer.status, answer.text], [200, 'null']);
      const { updated_at: _, ...kept } = batch;
      const { updated_at: __, ...found } = await caller.retrieve(String(batch['id']));
      assert.deepEqual(found, kept);
    }
  });

  test('25. items that end during the cancel do not change the status', async () => {
    const agents = await caller.agents(20);
    const id = await caller.batch(agents.flatMap((agent) => [[agent, 'x'] as const, [agent, 'y'] as const]));
    await caller.cancel(id);
    const { status, metadata } = await caller.retrieve(id);
    const { counts } = metadata as { readonly counts: Record<string, number> };
    if (status === 'cancelled') assert.equal((counts['succeeded'] ?? 0) + (counts['cancelled'] ?? 0), 40);
    else assert.deepEqual([status, counts['succeeded']], ['completed', 40]);
    const runs = await caller.runs(id);
    assert.equal(runs.filter((run) => run['status'] === 'completed').length, counts['succeeded']);
    assert.ok(runs.every((run) => ['completed', 'cancelled'].includes(String(run['status']))));
  });

  test('26. cancel needs neither a body nor a content type', async () => {
    const { id } = await startLong(0);
    const answer = await fetch(`${target.url}/v1/messages/batches/${id}/cancel`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${target.apiKey}` },
    });
    assert.deepEqual([answer.status, await answer.text()], [200, 'null']);
  });

  test('27. a bad id is 400, an unknown one 404, a wrong method 405', async () => {
    const path = '/v1/messages/batches';
    const detail = "INVALID_ARGUMENT: Invalid job ID format: nope. Expected format: 'job-<uuid4>'";
    for (const rest of ['', '/messages']) assertDetail(await caller.get(`${path}/nope${rest}`), 400, detail);
    assertDetail(await caller.cancel('nope'), 400, detail);
    const unknown = `job-${UNKNOWN_UUID}`;
    assertDetail(await caller.get(`${path}/${unknown}`), 404, `Job not found with id='${unknown}'`);
    assertDetail(await caller.cancel(unknown), 404, `Job not found with id='${unknown}'`);
    assertDetail(await caller.send({ method: 'DELETE', path }), 405, 'Method Not Allowed');
  });

  test('42. an agent that is deleted with a live item: the item is cancelled, the batch ends; a second time is 404', async () => {
    const { id, agent } = await startLong(1);
    const path = `/v1/agents/${agent}`;
    const answer = await caller.send({ method: 'DELETE', path });
    assert.deepEqual(answer.json, { message: `Agent id=${agent} successfully deleted` });
    const batch = await caller.ended(id);
    assert.deepEqual([batch['status'], countsOf(batch)], ['completed', [2, 0, 0, 2]]);
    assertDetail(await caller.send({ method: 'DELETE', path }), 404, `Agent with ID ${agent} not found`);
    assertDetail(await caller.get(path), 404, `Agent with ID ${agent} not found`);
    assert.equal((await caller.runs(id)).length, 2);
    const requests = [{ agent_id: agent, input: 'x' }];
    assertDetail(await caller.create({ requests }), 404, `Agent with ID ${agent} not found`);
  });
};
