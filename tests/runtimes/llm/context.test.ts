import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { listSteps } from '../../../src/storage/steps.ts';
import { createTestDatabase } from '../../support/database.ts';
import { makeDataDir } from '../../support/node.ts';
import { IN_A_REAL_SANDBOX } from '../../support/real-sandbox.ts';
import { bodyOf, eventsOf, modelSettings, script, startLlmNode, startModel } from './llm-node.ts';

const PRICES = { input_mtok: 0.5, output_mtok: 2 };

describe('the window of a model', async () => {
  const { url: databaseUrl } = await createTestDatabase();

  test('is kept free by a summary, on which this job and the next one go on', IN_A_REAL_SANDBOX, async (t) => {
    const model = await startModel(t, {
      conversations: [
        {
          name: 'summary',
          when: { systemContains: 'You summarize the work', contains: '## user' },
          turns: [{ text: 'SUMMARY: the file is long and says x.' }],
        },
        {
          name: 'work',
          when: { contains: 'leaves it' },
          turns: [{ text: 'It says x.', expect: { systemContains: 'background' } }],
        },
        {
          name: 'before',
          when: { contains: 'read the file' },
          turns: [{ toolCalls: [{ name: 'bash', input: { command: 'head -c 20000 /dev/zero | tr "\\\\0" x' } }] }],
        },
        { name: 'next', when: { contains: 'what was it' }, turns: [{ text: 'x, as I said.' }] },
      ],
    });
    const dataDir = await makeDataDir(t);
    const prices = join(dataDir, 'windows.json');
    await writeFile(prices, JSON.stringify({ 'openai-compatible/small': { ...PRICES, context_window: 9_000 } }));
    const settings = { KAZI_MODEL: 'openai-compatible/small', KAZI_PRICES_FILE: prices };
    const node = await startLlmNode(t, model, { databaseUrl, dataDir, settings });
    const id = await node.submit('read the file', { agent: 'default', sessionId: 'long' });
    const job = await node.ended(id);
    assert.deepEqual([job.error, job.outcome?.text], [null, 'It says x.']);
    const steps = await listSteps(node.context.db, id);
    assert.deepEqual(
      steps.map(({ name }) => name),
      ['model', 'bash', 'compact', 'model'],
    );
    assert.ok((await eventsOf(node, id)).some(({ type }) => type === 'context.compacted'));
    assert.match(bodyOf(model, 1), /result of bash.*xxxx.*characters left out/s);
    assert.match(bodyOf(model, 2), /SUMMARY: the file is long.*read the file/s);
    assert.doesNotMatch(bodyOf(model, 2), /xxxxxxxx/);
    const next = await node.ended(await node.submit('what was it?', { agent: 'default', sessionId: 'long' }));
    assert.equal(next.outcome?.text, 'x, as I said.');
    assert.match(bodyOf(model, 3), /SUMMARY: the file is long.*It says x.*what was it/s);
    assert.doesNotMatch(bodyOf(model, 3), /xxxxxxxx/);
  });

  test('that overflows by the word of the provider is made free in the same way', async (t) => {
    const model = await startModel(t, {
      conversations: [
        {
          name: 'summary',
          when: { systemContains: 'You summarize the work', contains: '## user' },
          turns: [{ text: 'SUMMARY: all.' }],
        },
        { name: 'after', when: { contains: 'leaves it' }, turns: [{ text: 'Done after all.' }] },
        {
          name: 'before',
          when: { contains: 'begin' },
          turns: [{ faults: [{ contextOverflow: true }], text: 'never' }],
        },
      ],
    });
    const node = await startLlmNode(t, model, { databaseUrl, format: 'messages' });
    const job = await node.ended(await node.submit('begin', { agent: 'default' }));
    assert.deepEqual([job.error, job.outcome?.text], [null, 'Done after all.']);
  });

  test('gets the images that the model can see', async (t) => {
    const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==';
    const turns = [
      { toolCalls: [{ name: 'bash', input: { command: `echo ${pixel} | base64 -d > dot.png` } }] },
      { toolCalls: [{ name: 'read', input: { path: 'dot.png' } }] },
      { text: 'A dot.' },
    ];
    const model = await startModel(t, script(turns));
    const node = await startLlmNode(t, model, { databaseUrl, format: 'messages' });
    assert.equal((await node.ended(await node.submit('look', { agent: 'default' }))).error, null);
    assert.match(bodyOf(model, 2), new RegExp(pixel.slice(0, 40)));
    const dataDir = await makeDataDir(t);
    const blind = await modelSettings(model.url, { format: 'chat', dataDir });
    const other = await startLlmNode(t, model, { databaseUrl, dataDir, settings: { ...blind } });
    assert.equal((await other.ended(await other.submit('look', { agent: 'default' }))).error, null);
  });
});
