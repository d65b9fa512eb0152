import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { describe, test } from 'node:test';
import { listArtifacts } from '../../../src/storage/artifacts.ts';
import { listJobMessages } from '../../../src/storage/messages.ts';
import { listSteps } from '../../../src/storage/steps.ts';
import { createTestDatabase } from '../../support/database.ts';
import { FORMATS, type FormatName, startLlmNode, startModel } from './llm-node.ts';

const scenario: unknown = JSON.parse(await readFile(new URL('fix-a-program.json', import.meta.url), 'utf8'));

describe('an agent writes a program, sees it fail, mends it and hands over a file', async () => {
  const { url: databaseUrl } = await createTestDatabase();
  for (const format of Object.keys(FORMATS) as FormatName[]) {
    test(`through the wire format ${format}, to the micro-dollar`, async (t) => {
      const model = await startModel(t, scenario);
      const node = await startLlmNode(t, model, { databaseUrl, format });
      const id = await node.submit('Please add up the numbers', { agent: 'default' });
      const job = await node.ended(id);
      assert.equal(job.error, null);
      assert.equal(job.state, 'complete');
      const { outcome } = job;
      assert.equal(outcome?.text, 'The numbers add up to 10.');
      assert.equal(outcome.costMicros, 6 * FORMATS[format].microsPerCall);
      assert.deepEqual(outcome.usage, { requests: 6, input_tokens: 6_000, output_tokens: 300, total_tokens: 6_300 });
      assert.deepEqual([outcome.turns, outcome.toolCalls, outcome.models], [6, 5, [FORMATS[format].model]]);
      assert.deepEqual((await listArtifacts(node.context.db, id)).map(({ path }) => path).toSorted(), [
        'runs.log',
        'sum.sh',
        'total.txt',
      ]);
      const steps = await listSteps(node.context.db, id);
      assert.deepEqual(
        steps.map(({ ordinal, kind, name, state }) => `${ordinal} ${kind} ${name} ${state}`),
        [
          '1 model model finished',
          '2 tool write finished',
          '3 model model finished',
          '4 tool bash finished',
          '5 model model finished',
          '6 tool edit finished',
          '7 model model finished',
          '8 tool bash finished',
          '9 model model finished',
          '10 tool publish finished',
          '11 model model finished',
        ],
      );
      const messages = await listJobMessages(node.context.db, id);
      assert.deepEqual(
        messages.map(({ role, content }) => `${role} ${content.map(({ type }) => type).join(' ')}`),
        [
          'user text',
          'assistant thinking text tool_use',
          'user tool_result',
          'assistant text tool_use',
          'user tool_result',
          'assistant text tool_use',
          'user tool_result',
          'assistant text tool_use',
          'user tool_result',
          'assistant text tool_use',
          'user tool_result',
          'assistant text',
        ],
      );
      assert.equal(model.requests.length, 6);
      // The pieces of messages went when the messages were whole.
      assert.equal((await node.events(id)).includes('message.delta'), false);
    });
  }
});
