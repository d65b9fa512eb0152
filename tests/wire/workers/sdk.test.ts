import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import Handinger from '@ramensoft/handinger';
import { startApi } from '../../support/api.ts';
import { startReceiver } from '../../support/receiver.ts';
import { eventually } from '../../support/signals.ts';
import { assertValid, Caller } from './target.ts';

const api = await startApi({ defaultAgent: 'shell' });
const target = { url: api.url, signingSecret: api.signingSecret, apiKey: api.adminKey };

describe('the SDK @ramensoft/handinger 0.14.0', () => {
  const client = new Handinger({ apiKey: target.apiKey, baseURL: target.url });

  test('reads, changes and deletes a worker, and fetches a file of it', async () => {
    const { id } = await new Caller(target).worked('echo hello; echo x > "a b.txt"');
    const worker = await client.workers.retrieve(id);
    assertValid('Worker', worker);
    assert.equal(worker.output_text.trim(), 'hello');
    assert.equal(worker.files[0]?.filename, 'a b.txt');
    const template = await client.workers.update(id, { title: 'Greeter', instructions: 'Greet.' });
    assert.deepEqual([template.title, template.instructions, template.userId], ['Greeter', 'Greet.', 'admin']);
    const { email } = await client.workers.retrieveEmail(id);
    assert.match(email, /^[0-9a-z]{26}-[a-z0-9]{8}@kazi\.localhost$/);
    const path = new URL(worker.files[0]?.url ?? '').pathname;
    const file = await client.get(path, { __binaryResponse: true });
    assert.ok(file instanceof Response);
    assert.equal(await file.text(), 'x\n');
    assert.deepEqual(await client.workers.delete(id), { deleted: true });
    await assert.rejects(client.workers.retrieve(id), (error: unknown) => {
      assert.ok(error instanceof Handinger.NotFoundError);
      assert.deepEqual(error.error, { error: 'not_found', message: 'Worker not found' });
      return true;
    });
  });

  test('makes, lists and cancels schedules of the four kinds', async () => {
    const { id: workerId } = await new Caller(target).worked('true');
    const whens = [
      { type: 'scheduled', date: new Date(Date.now() + 3_600_000).toISOString() },
      { type: 'delayed', delayInSeconds: 3_600 },
      { type: 'cron', cron: '0 6 * * *' },
      { type: 'interval', intervalSeconds: 3_600 },
    ] as const;
    const made = [];
    for (const when of whens) made.push(await client.workers.schedules.create(workerId, { input: 'true', when }));
    assert.deepEqual(
      made.map(({ type, input, budget }) => [type, input, budget]),
      whens.map(({ type }) => [type, 'true', 'standard']),
    );
    const listed = await client.workers.schedules.list(workerId);
    assert.deepEqual([listed.workerId, listed.timezone], [workerId, 'UTC']);
    assert.deepEqual(new Set(listed.schedules.map(({ id }) => id)), new Set(made.map(({ id }) => id)));
    for (const { id } of made)
      assert.deepEqual(await client.workers.schedules.cancel(id, { workerId }), { cancelled: true });
    assert.deepEqual((await client.workers.schedules.list(workerId)).schedules, []);
  });

  test('sets a webhook, renews its token, reads its executions and removes it', async (t) => {
    const receiver = await startReceiver([200], t);
    const caller = new Caller(target);
    const { id } = await caller.worked('true');
    const { webhooks } = client.workers;
    assert.deepEqual(await webhooks.retrieve(id), { url: null, token: null });
    const set = await webhooks.update(id, { url: receiver.url.replace(/^http:/, 'https:') });
    assert.match(set.token ?? '', /^whk_[0-9A-Za-z]{32}$/);
    const renewed = await webhooks.regenerateToken(id);
    assert.equal(renewed.url, set.url);
    assert.notEqual(renewed.token, set.token);
    await caller.continue(id, { input: 'echo told' });
    // The receiver speaks no TLS: the attempt fails, and is an execution all the same.
    const executions = await eventually('an execution', async () => {
      const page = await webhooks.listExecutions(id, { page: 1 });
      return page.totalCount > 0 && page;
    });
    const [execution] = executions.logs;
    assert.deepEqual([execution?.workerId, execution?.requestStatus, execution?.responseStatus], [id, 'error', null]);
    assert.deepEqual(await webhooks.delete(id), { url: null, token: null });
    assert.deepEqual(await webhooks.retrieve(id), { url: null, token: null });
  });

  test('gets the errors that it knows, and does not repeat what would be refused again', async () => {
    const stranger = new Handinger({ apiKey: 'kz_unknown', baseURL: target.url });
    await assert.rejects(stranger.workers.retrieve('nope'), Handinger.AuthenticationError);
    await assert.rejects(client.workers.retrieve('nope'), Handinger.BadRequestError);
    const { id } = await new Caller(target).create({ input: 'true' });
    await assert.rejects(client.workers.update(id, { visibility: 'public' }), Handinger.UnprocessableEntityError);
    // Templates without an input, and tasks, are not of this version.
    await assert.rejects(client.workers.create({ title: 'x' }), Handinger.BadRequestError);
  });
});
