import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { readUIMessageStream, type UIMessage, type UIMessageChunk, validateUIMessages } from 'ai';
import { startModelServer } from './model-server.ts';
import { decodeAsPython, decodeAsTypeScript } from './sdk-decoders.ts';
import { type Caller, readParts, type StreamedPart, typesOf } from './target.ts';

const SENTENCE = 'The quick brown fox jumps over the lazy dog.';
const SLOW = [
  {
    reasoning: 'A pangram would do.',
    text: SENTENCE,
    toolCalls: [{ name: 'bash', input: { command: 'echo 0123456789 > digits.txt' } }],
    chunkCharacters: 4,
    tokenDelayMs: 30,
  },
  { text: 'Done, and well.', chunkCharacters: 4, tokenDelayMs: 30 },
];

/** What the AI SDK's own reader makes of a stream in the end. */
const readAsUseChat = async (text: string): Promise<UIMessage> => {
  const chunks = readParts(text).map(({ part }) => JSON.parse(JSON.stringify(part)) as UIMessageChunk);
  let last: UIMessage | undefined;
  const stream = ReadableStream.from(chunks);
  for await (const message of readUIMessageStream({ stream, terminateOnError: true })) last = message;
  assert.ok(last, 'the stream had a message');
  return last;
};

/** Of a part, what both the stream and `messages` say. */
const plain = (parts: readonly Readonly<Record<string, unknown>>[]): unknown[] =>
  parts.map(({ type, text, toolCallId, toolName, input, output, state, url, mediaType }) => ({
    type,
    ...(type === 'text' || type === 'reasoning' ? { text } : {}),
    ...(type === 'dynamic-tool' ? { toolCallId, toolName, input, output, state } : {}),
    ...(type === 'file' ? { url, mediaType } : {}),
  }));

const finalTexts = (parts: readonly StreamedPart[]): ReadonlyMap<string, string> => {
  const texts = new Map<string, string>();
  for (const { part } of parts) {
    const id = String(part['id']);
    if (part.type === 'text-start' || part.type === 'reasoning-start') texts.set(id, '');
    if (typeof part['delta'] === 'string') texts.set(id, (texts.get(id) ?? 'no start: ') + part['delta']);
    if (part.type === 'tool-input-available') texts.set(String(part['toolCallId']), JSON.stringify(part['input']));
  }
  return texts;
};

describe('a worker with a model', () => {
  for (const format of ['messages', 'responses', 'chat'] as const) {
    test(`is shown live by the reader of useChat, and the same by \`messages\` afterwards (${format})`, async (t) => {
      const { caller } = await startModelServer(t, SLOW, { format });
      const { id, metadata } = await caller.create({ input: 'speak' });
      const { text } = await caller.stream(`/api/workers/${id}/stream`);
      const types = typesOf(text);
      assert.deepEqual([types[0], types.at(-1)], ['start', 'finish']);
      assert.ok(types.filter((type) => type === 'text-delta').length > 6, 'it came piece by piece');
      assert.equal(types.filter((type) => type === 'text-start').length, 2, 'no part began twice');
      assert.equal(types.filter((type) => type === 'start-step').length, 2);
      assert.equal(types.filter((type) => type === 'finish-step').length, 2);
      for (const decode of [decodeAsTypeScript, decodeAsPython]) assert.equal(decode(text).length, types.length);

      const live = await readAsUseChat(text);
      const worker = await caller.worker(id);
      const messages = JSON.parse(JSON.stringify(worker.messages)) as UIMessage[];
      await validateUIMessages({ messages });
      const answer = messages.at(-1);
      assert.equal(answer?.id, live.id);
      assert.deepEqual(plain(answer?.parts as never), plain(live.parts as never));
      assert.deepEqual(answer?.metadata, live.metadata);
      assert.deepEqual(live.metadata, { worker_id: id, job_id: metadata.job_id, job_status: 'complete' });
      assert.equal(worker.output_text, `${SENTENCE}\n\nDone, and well.`);
    });
  }

  test('18. goes on after any cut, live and later, without a hole', async (t) => {
    const { caller } = await startModelServer(t, SLOW);
    const { id } = await caller.create({ input: 'speak' });
    const path = `/api/workers/${id}/stream`;
    let all: readonly StreamedPart[] = [];
    const cuts: { readonly at: number; readonly before: readonly StreamedPart[] }[] = [];
    // Hangs up after every few numbers while the turn runs, and resumes at the last one.
    for (let after: number | null = null; ; ) {
      let seen = 0;
      const headers: Record<string, string> = after === null ? {} : { 'last-event-id': String(after) };
      const until = (text: string): boolean => (text.match(/^id: /gm)?.length ?? 0) >= 3 && (seen += 1) > 0;
      const answer: Awaited<ReturnType<Caller['stream']>> = await caller.stream(path, { headers, until });
      const parts = readParts(wholeEvents(answer.text));
      const end = parts.findLastIndex(({ id: number }) => number !== null);
      const kept = parts.slice(0, end + 1);
      all = [...all, ...kept];
      const last = kept.at(-1)?.id;
      if (last !== undefined && last !== null) {
        after = last;
        cuts.push({ at: last, before: all });
      }
      if (kept.some(({ part }) => part.type === 'finish')) break;
      assert.notEqual(answer.status, 204);
    }
    assert.ok(cuts.length > 5, `${cuts.length} cuts`);
    const numbers = all.flatMap(({ id: number }) => (number === null ? [] : [number]));
    assert.deepEqual(
      numbers,
      [...new Set(numbers)].toSorted((one, other) => one - other),
    );
    const expected = [...finalTexts(all).values()];
    const command = JSON.stringify({ command: 'echo 0123456789 > digits.txt' });
    assert.deepEqual(expected, ['A pangram would do.', SENTENCE, command, 'Done, and well.']);
    // The messages are whole now: whoever was cut inside one gets that part again under its id.
    for (const { at, before } of cuts.slice(0, -1)) {
      const { text } = await caller.stream(path, { headers: { 'last-event-id': String(at) } });
      assert.deepEqual([...finalTexts([...before, ...readParts(text)]).values()], expected, `cut after ${at}`);
    }
  });

  test('45. budget low ends a long turn as failed, and the costs are the sum', async (t) => {
    const look = { toolCalls: [{ name: 'list', input: {} }] };
    const { caller } = await startModelServer(t, [{ ...look, text: 'Looking.' }, look], { more: { repeatLast: true } });
    const worker = await caller.ended((await caller.create({ input: 'look for ever', budget: 'low' })).id);
    assert.deepEqual([worker.status, worker.metadata.job_status], ['completed', 'failed']);
    assert.equal(worker.metadata['error'], 'Budget exceeded (low: 5 model calls)');
    assert.equal(worker.metadata['budget'], 'low');
    assert.equal(worker.output_text, 'Looking.', 'what was said so far is kept');
    assert.ok(worker.usage && worker.costs);
    assert.equal(worker.usage['steps'], 5);
    const sum = Object.values(worker.costs).reduce((one, other) => one + other, 0);
    assert.ok(Math.abs(sum - Number(worker.usage['costUsd'])) < 1e-12 && sum > 0);
    const { text } = await caller.stream(`/api/workers/${worker.id}/stream`);
    assert.deepEqual(typesOf(text).slice(-2), ['error', 'finish']);
  });

  test('35. instructions and outputSchema hold for later turns', async (t) => {
    const { caller, model } = await startModelServer(t, [
      { text: 'First.' },
      { text: '{"n": 4}', expect: { systemContains: 'You count.' } },
      { text: 'no number' },
      { text: 'still none' },
    ]);
    const { id } = await caller.worked('first');
    const schema = { type: 'object', properties: { n: { type: 'number' } }, required: ['n'] };
    const body = { instructions: 'You count.', outputSchema: schema };
    assert.equal((await caller.send({ method: 'PATCH', path: `/api/workers/${id}`, body })).status, 200);
    await caller.continue(id, { input: 'second' });
    const counted = await caller.ended(id);
    assert.deepEqual(counted.metadata['structured_output'], { n: 4 });
    assert.ok(JSON.stringify(model.requests.at(-1)?.body).includes('First.'), 'the memory goes on');
    await caller.continue(id, { input: 'third' });
    const failed = await caller.ended(id);
    assert.equal(failed.metadata.job_status, 'failed');
    assert.match(String(failed.metadata['error']), /not JSON/);
    assert.equal(failed.metadata['structured_output'], undefined);
  });
});

/** Up to the last event that came whole. */
const wholeEvents = (text: string): string => text.slice(0, text.lastIndexOf('\n\n') + 2);
