import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FORMATS, modelSettings, startLlmNode, startModel } from '../runtimes/llm/llm-node.ts';
import { createTestDatabase } from '../support/database.ts';
import { TEST_API_KEY } from '../support/job-client.ts';
import { makeDataDir } from '../support/node.ts';
import { rowsOf } from '../support/rows.ts';
import { ServerProcess } from '../support/server-process.ts';

const FORMAT_NAMES = ['responses', 'messages'] as const;
const SCRIPT = {
  conversations: [{ name: 'only', turns: [{ text: 'Paid once.' }] }],
  // The first batch of each provider is taken, and its answer never comes: whoever waits for it is killed.
  batches: { delayMs: 1_500, faults: [{ hang: true }, { hang: true }] },
};

test('a server that is killed between handing batches in and noting it pays none of them twice', async (t) => {
  const { url: databaseUrl } = await createTestDatabase();
  const dataDir = await makeDataDir(t);
  const model = await startModel(t, SCRIPT);
  const settings = {
    ...(await modelSettings(model.url, { format: 'responses', dataDir })),
    KAZI_MODEL_BATCH_WINDOW_MS: '0',
    KAZI_MODEL_BATCH_POLL_MS: '500',
  };
  const server = await ServerProcess.start({
    ...settings,
    DATABASE_URL: databaseUrl,
    KAZI_DATA_DIR: dataDir,
    KAZI_API_KEY: TEST_API_KEY,
  });
  const post = async (path: string, body: unknown): Promise<Record<string, unknown>> => {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${TEST_API_KEY}` };
    const answer = await fetch(`${server.url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) });
    return (await answer.json()) as Record<string, unknown>;
  };
  const ids: string[] = [];
  for (const format of FORMAT_NAMES) {
    const agent = `patient-${format}`;
    await post('/agents', { name: agent, model: FORMATS[format].model, model_calls: 'batch' });
    ids.push(String((await post('/submit', { question: format, agent_type: agent }))['job_id']));
    await model.waitFor((request) => request.model === null && request.format.endsWith(format));
  }
  await server.kill();
  const rows = rowsOf(databaseUrl);
  const left = await rows<{ state: string; provider_id: string | null }>(
    'select state, provider_id from model_batches',
    [],
  );
  assert.deepEqual(left, [
    { state: 'submitting', provider_id: null },
    { state: 'submitting', provider_id: null },
  ]);

  const node = await startLlmNode(t, model, { databaseUrl, dataDir, settings });
  for (const id of ids) assert.equal((await node.ended(id)).outcome?.text, 'Paid once.');
  assert.deepEqual(
    model.requests.map(({ format, result }) => [format, result]),
    [
      ['openai-responses', 'answered'],
      ['anthropic-messages', 'answered'],
    ],
  );
  const calls = await rows<{ n: string }>('select count(*) as n from model_calls where is_batched', []);
  assert.equal(Number(calls[0]?.n), 2);
});
