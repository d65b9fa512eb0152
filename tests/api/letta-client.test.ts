import assert from 'node:assert/strict';
import { test } from 'node:test';
import Letta from '@letta-ai/letta-client';
import { startApi } from '../support/api.ts';
import { eventually } from '../support/signals.ts';

/** Conformance checks 2, 29 and 32 with the official client, as it comes from npm. */
const api = await startApi();
const client = new Letta({ apiKey: api.adminKey, baseURL: api.url });

const gather = async <Item>(items: AsyncIterable<Item>): Promise<Item[]> => {
  const all: Item[] = [];
  for await (const item of items) all.push(item);
  return all;
};

test('2. the official client creates, follows, lists and cancels batches, and reads their messages', async () => {
  const { id: agentId } = await client.agents.create({ model: 'kazi/echo', name: 'of the client' });
  const created = await client.batches.create({ requests: [{ agent_id: agentId, input: 'hello' }] });
  assert.equal(created.status, 'running');
  const batch = await eventually('the end of the batch', async () => {
    const found = await client.batches.retrieve(created.id);
    return found.status === 'completed' && found;
  });
  assert.equal(batch.stop_reason, 'end_turn');
  const said = await gather(client.batches.messages.list(created.id));
  assert.deepEqual(
    said.map(({ role }) => role),
    ['assistant', 'user'],
  );
  const runs = await gather(client.runs.list({ agent_id: agentId }));
  assert.equal(runs.length, 1);
  assert.equal((await client.runs.retrieve(runs[0]?.id ?? '')).status, 'completed');
  const script = await client.agents.create({ model: 'kazi/shell' });
  const long = await client.batches.create({
    requests: [{ agent_id: script.id, messages: [{ role: 'user', content: 'sleep 60' }] }],
  });
  assert.equal(await client.batches.cancel(long.id), null);
  assert.equal((await client.batches.retrieve(long.id)).status, 'cancelled');
  const states = await gather(client.agents.list({ name: 'of the client' }));
  assert.deepEqual(
    states.map(({ id }) => id),
    [agentId],
  );
  assert.ok((await client.agents.messages.list(agentId)).getPaginatedItems().length >= 2);
  await client.agents.update(agentId, { description: 'changed' });
  assert.equal((await client.agents.retrieve(agentId)).description, 'changed');
  await client.agents.delete(agentId);
  await assert.rejects(async () => await client.agents.retrieve(agentId), Letta.NotFoundError);
  await assert.rejects(
    async () => await client.batches.create({ requests: [] }),
    /Empty list of batch_requests passed in!/,
  );
  assert.equal((await client.health()).status, 'ok');
});

test('29. iterating over batches gives each once, in any order and page size', async () => {
  const { id } = await client.agents.create({ model: 'kazi/echo' });
  for (let number = 0; number < 5; number += 1)
    await client.batches.create({ requests: [{ agent_id: id, input: `number ${number}` }] });
  const newest = (await gather(client.batches.list())).map((batch) => batch.id);
  assert.equal(new Set(newest).size, newest.length);
  assert.ok(newest.length >= 5);
  for (const limit of [1, 2, 3]) {
    const down = await gather(client.batches.list({ limit }));
    assert.deepEqual(
      down.map((batch) => batch.id),
      newest,
    );
    const up = await gather(client.batches.list({ limit, order: 'asc' }));
    assert.deepEqual(
      up.map((batch) => batch.id),
      newest.toReversed(),
    );
  }
});

test('32. iterating over messages of a batch gives each once', async () => {
  const { id } = await client.agents.create({ model: 'kazi/echo' });
  const requests = Array.from({ length: 10 }, (_, number) => ({ agent_id: id, input: `number ${number}` }));
  const batch = await client.batches.create({ requests });
  await eventually(
    'the end of the batch',
    async () => (await client.batches.retrieve(batch.id)).status === 'completed',
  );
  const said = await gather(client.batches.messages.list(batch.id, { limit: 3 }));
  assert.equal(new Set(said.map((message) => message.id)).size, 20);
  assert.equal(said.length, 20);
});
