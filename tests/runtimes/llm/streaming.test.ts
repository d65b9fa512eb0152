import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { cancelJob } from '../../../src/actions/cancel-job.ts';
import type { SessionEvent } from '../../../src/core/event.ts';
import { EventHub } from '../../../src/realtime/event-hub.ts';
import { followJob } from '../../../src/realtime/job-stream.ts';
import { listJobMessages } from '../../../src/storage/messages.ts';
import { createTestDatabase } from '../../support/database.ts';
import { ADMIN, type TestNode } from '../../support/node.ts';
import { eventually } from '../../support/signals.ts';
import { eventsOf, script, startLlmNode, startModel } from './llm-node.ts';

const SENTENCE = 'The quick brown fox jumps over the lazy dog.';
const SLOW = script([
  {
    reasoning: 'A pangram would do.',
    text: SENTENCE,
    toolCalls: [{ name: 'bash', input: { command: 'echo 0123456789' } }],
    chunkCharacters: 4,
    tokenDelayMs: 25,
  },
  { text: 'Done.' },
]);

const textOf = (events: readonly SessionEvent[], part: string): string =>
  events
    .filter(({ type, data }) => type === 'message.delta' && data['part'] === part)
    .map(({ data }) => String(data['text']))
    .join('');

const follow = async (node: TestNode, jobId: string, signal: AbortSignal): Promise<SessionEvent[]> => {
  const hub = new EventHub({ ...node.context, pollMs: 1_000 });
  hub.start();
  const events: SessionEvent[] = [];
  const job = await node.job(jobId);
  for await (const batch of await followJob(hub, node.context.db, { job, afterSeq: null, signal }))
    events.push(...batch);
  await hub.stop();
  return events;
};

describe('what a model says', async () => {
  const { url: databaseUrl } = await createTestDatabase();

  for (const format of ['responses', 'chat', 'messages'] as const) {
    test(`streams to a follower on another node while it is said (${format})`, async (t) => {
      const model = await startModel(t, SLOW);
      const node = await startLlmNode(t, model, { databaseUrl, format });
      const other = await startLlmNode(t, model, { databaseUrl, format, settings: { KAZI_ROLE: 'api' } });
      const id = await node.submit('speak', { agent: 'default' });
      const events = await follow(other, id, t.signal);
      const deltas = events.filter(({ type }) => type === 'message.delta');
      assert.ok(deltas.length >= 4, `${deltas.length} pieces arrived while it spoke`);
      assert.ok(SENTENCE.startsWith(textOf(events, 'text')), 'the pieces are the beginning of the message');
      assert.ok(textOf(events, 'text').length > 10);
      if (format !== 'chat') assert.ok('A pangram would do.'.startsWith(textOf(events, 'reasoning')));
      const seqs = events.map(({ seq }) => seq);
      assert.deepEqual(
        seqs,
        seqs.toSorted((a, b) => a - b),
      );
      assert.equal(events.at(-1)?.type, 'job.completed');
      const late = await eventsOf(node, id);
      assert.equal(
        late.some(({ type }) => type === 'message.delta'),
        false,
        'whole messages need no pieces',
      );
      const said = await listJobMessages(node.context.db, id);
      const blocks = said[1]?.content.map((block) => (block.type === 'text' ? block.text : block.type));
      assert.deepEqual(blocks, ['thinking', SENTENCE, 'tool_use']);
    });
  }

  test('is kept as far as it came when the job is canceled', async (t) => {
    const model = await startModel(t, script([{ text: SENTENCE, chunkCharacters: 4, tokenDelayMs: 40 }]));
    const node = await startLlmNode(t, model, { databaseUrl });
    const id = await node.submit('speak', { agent: 'default' });
    await eventually('the first piece', async () => textOf(await eventsOf(node, id), 'text').length > 4);
    await cancelJob(node.context, ADMIN, { jobId: id, namedSessionId: null });
    const job = await node.ended(id);
    assert.deepEqual([job.state, job.outcome?.subtype, job.outcome?.costMicros], ['canceled', 'cancelled', null]);
    assert.ok(SENTENCE.startsWith(job.outcome?.text ?? '-') && job.outcome?.text !== SENTENCE, job.outcome?.text ?? '');
    const said = await listJobMessages(node.context.db, id);
    assert.deepEqual(said[1]?.content, [{ type: 'text', text: job.outcome?.text }]);
    await model.waitFor(({ clientLeft }) => clientLeft);
  });

  test('a piece that was taken back by a retry is not told again', async (t) => {
    const model = await startModel(
      t,
      script([{ text: SENTENCE, chunkCharacters: 4, tokenDelayMs: 30, faults: [{ cutAfterCharacters: 24 }] }]),
    );
    const node = await startLlmNode(t, model, { databaseUrl });
    const id = await node.submit('speak', { agent: 'default' });
    await eventually('the retry', async () =>
      (await eventsOf(node, id)).some(({ type }) => type === 'model_call.retried'),
    );
    assert.equal(textOf(await eventsOf(node, id), 'text').length < 24, true);
    assert.equal((await node.ended(id)).outcome?.text, SENTENCE);
  });
});
