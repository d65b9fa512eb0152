import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import Handinger from '@ramensoft/handinger';
import { startApi } from '../../support/api.ts';
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
