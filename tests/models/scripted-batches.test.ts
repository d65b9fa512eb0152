import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createOpenAI } from '@ai-sdk/openai';
import {
  type Experimental_BatchProvider as BatchProvider,
  type Experimental_BatchReference as BatchReference,
  experimental_cancelBatch as cancelBatch,
  experimental_getBatchResults as getBatchResults,
  experimental_getBatchStatus as getBatchStatus,
  experimental_listBatches as listBatches,
  experimental_startBatch as startBatch,
} from 'ai';
import { eventually } from '../support/signals.ts';
import { post, serveScript } from './scripted-clients.ts';

/** The real clients of both protocols, with a model and what one of their requests gets for a name. */
const PROTOCOLS = {
  openai: { model: 'gpt-5', make: (url: string) => createOpenAI({ baseURL: `${url}/v1`, apiKey: 'any' }) },
  anthropic: {
    model: 'claude-sonnet-4-5',
    make: (url: string) => createAnthropic({ baseURL: `${url}/v1`, apiKey: 'any' }),
  },
} as const;

const ended = async (provider: BatchProvider, batch: BatchReference): Promise<string> =>
  await eventually('the end of a batch', async () => {
    const { status } = await getBatchStatus({ provider, batch });
    return status !== 'pending' && status;
  });

const resultsOf = async (provider: BatchProvider, batch: BatchReference): Promise<readonly string[]> => {
  const lines: string[] = [];
  for await (const item of getBatchResults({ provider, batch })) {
    if (item.type !== 'text') continue;
    const said = item.status === 'succeeded' ? item.text : '';
    const words = 'error' in item && item.error !== undefined ? item.error.message : '';
    lines.push([item.id, item.status, said, words].filter(Boolean).join(' '));
  }
  return lines.toSorted();
};

const TWO = {
  conversations: [
    { name: 'good', when: { contains: 'good' }, turns: [{ text: 'Fine: {{lastUserText}}' }] },
    {
      name: 'bad',
      when: { contains: 'bad' },
      turns: [{ text: 'never', faults: [{ status: 529, message: 'Too much.' }] }],
    },
    { name: 'late', when: { contains: 'late' }, turns: [{ text: 'never', faults: [{ expired: true }] }] },
  ],
};

for (const [name, { model, make }] of Object.entries(PROTOCOLS)) {
  describe(`the batches of ${name}, with its real client`, () => {
    const requests = (prompts: readonly string[]) =>
      prompts.map((prompt, index) => ({ type: 'text' as const, id: `item-${index}`, model, prompt }));

    test('answer each request as it would be alone, with its own error or expiry', async (t) => {
      const server = await serveScript(t, TWO);
      const provider = make(server.url);
      const batch = await startBatch({ provider, requests: requests(['a good one', 'a bad one', 'a late one']) });
      assert.equal(await ended(provider, batch), 'completed');
      const [good = '', bad = '', late = ''] = await resultsOf(provider, batch);
      assert.equal(good, 'item-0 succeeded Fine: a good one');
      assert.match(bad, /item-1 failed .*Too much/);
      assert.match(late, /item-2 expired/);
      assert.deepEqual(
        server.requests.map((one) => [one.conversation, one.result, one.isStream, one.batch === batch.id]),
        [
          ['good', 'answered', false, true],
          ['bad', 'fault', false, true],
          ['late', 'fault', false, true],
        ],
      );
    });

    test('are listed newest first, page by page, and can be canceled while they run', async (t) => {
      const server = await serveScript(t, { ...TWO, batches: { delayMs: 3_600_000 } });
      const provider = make(server.url);
      const first = await startBatch({ provider, requests: requests(['good']) });
      const second = await startBatch({ provider, requests: requests(['good']) });
      const page = await listBatches({ provider, limit: 1 });
      const rest = await listBatches({ provider, limit: 1, ...(page.nextCursor ? { cursor: page.nextCursor } : {}) });
      assert.deepEqual(
        [...page.batches, ...rest.batches].map(({ id }) => id),
        [second.id, first.id],
      );
      assert.equal(rest.nextCursor, undefined);
      await cancelBatch({ provider, batch: first });
      await ended(provider, first);
      const [line = ''] = await resultsOf(provider, first);
      assert.match(line, /item-0 cancelled/);
      assert.equal((await getBatchStatus({ provider, batch: second })).status, 'pending');
    });

    test('may be refused, expire, or take effect without an answer, as the script says', async (t) => {
      const faults = [{ status: 503 }, { loseAnswer: true }, { expired: true }];
      const server = await serveScript(t, { ...TWO, batches: { faults } });
      const provider = make(server.url);
      await assert.rejects(startBatch({ provider, requests: requests(['good']) }), /fault 503/i);
      await assert.rejects(startBatch({ provider, requests: requests(['good']) }));
      const { batches } = await listBatches({ provider });
      assert.equal(batches.length, 1, 'the batch whose answer was lost is there');
      const expired = await startBatch({ provider, requests: requests(['good']) });
      await ended(provider, expired);
      const [line = ''] = await resultsOf(provider, expired);
      assert.match(line, /item-0 expired/);
    });
  });
}

test('an input of OpenAI with two models makes a batch that fails', async (t) => {
  const server = await serveScript(t, TWO);
  const line = (id: string, model: string): string =>
    JSON.stringify({ custom_id: id, method: 'POST', url: '/v1/responses', body: { model, input: 'good' } });
  const form = new FormData();
  form.append('purpose', 'batch');
  form.append('file', new Blob([`${line('1', 'a')}\n${line('2', 'b')}\n`]), 'in.jsonl');
  const headers = { authorization: 'Bearer any' };
  const upload = await fetch(`${server.url}/v1/files`, { method: 'POST', headers, body: form });
  const { id: fileId } = (await upload.json()) as { id: string };
  const body = {
    input_file_id: fileId,
    endpoint: '/v1/responses',
    completion_window: '24h',
    metadata: { mine: 'yes' },
  };
  const made = (await (await post(`${server.url}/v1/batches`, body, headers)).json()) as { id: string };
  const batch = await eventually('a failed batch', async () => {
    const answer = await fetch(`${server.url}/v1/batches/${made.id}`, { headers });
    const found = (await answer.json()) as {
      status: string;
      metadata: unknown;
      errors: { data: { message: string }[] };
    };
    return found.status === 'failed' && found;
  });
  assert.deepEqual(batch.metadata, { mine: 'yes' });
  assert.match(batch.errors.data[0]?.message ?? '', /does not match the other requests/);
});

test('a batch without a key, of a faulty body or of an unknown id is refused in the words of its provider', async (t) => {
  const server = await serveScript(t, TWO);
  const refused = async (path: string, body: unknown, headers: Record<string, string>): Promise<number> =>
    (await post(`${server.url}/v1${path}`, body, headers)).status;
  assert.equal(await refused('/messages/batches', { requests: [] }, {}), 401);
  assert.equal(await refused('/messages/batches', { requests: [] }, { 'x-api-key': 'any' }), 400);
  const twice = [
    { custom_id: 'a', params: {} },
    { custom_id: 'a', params: {} },
  ];
  assert.equal(await refused('/messages/batches', { requests: twice }, { 'x-api-key': 'any' }), 400);
  assert.equal(await refused('/batches/batch_none/cancel', {}, { authorization: 'Bearer any' }), 404);
  const unknown = { input_file_id: 'file-none', endpoint: '/v1/responses', completion_window: '24h' };
  assert.equal(await refused('/batches', unknown, { authorization: 'Bearer any' }), 404);
});
