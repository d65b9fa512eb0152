import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { generateText, jsonSchema, type ModelMessage, streamText, type ToolSet } from 'ai';
import { CLIENT_NAMES, CLIENTS, serveScript } from './scripted-clients.ts';

const USAGE = { inputTokens: 1200, cacheReadTokens: 900, cacheWriteTokens: 0, outputTokens: 80, reasoningTokens: 30 };
const inputSchema = jsonSchema({ type: 'object', properties: { command: { type: 'string' } }, required: ['command'] });
const tools: ToolSet = { bash: { description: 'runs a command', inputSchema } };
const TEXT = 'Grüße 👩‍🚀 from the script, in more than one piece.';

for (const name of CLIENT_NAMES) {
  const client = CLIENTS[name];
  describe(`the scripted model through the client ${name}`, () => {
    test('streams text in pieces that join to the script, with its usage', async (t) => {
      const server = await serveScript(t, [{ text: TEXT, usage: USAGE, chunkCharacters: 7 }]);
      const result = streamText({ model: client(server.url), prompt: 'go', maxRetries: 0 });
      const pieces: string[] = [];
      for await (const piece of result.textStream) pieces.push(piece);
      assert.equal(pieces.join(''), TEXT);
      assert.ok(pieces.length >= 7, `${pieces.length} pieces`);
      const usage = await result.usage;
      assert.deepEqual(
        [usage.inputTokens, usage.inputTokenDetails.cacheReadTokens, usage.inputTokenDetails.noCacheTokens],
        [1200, 900, 300],
      );
      assert.deepEqual([usage.outputTokens, usage.outputTokenDetails.reasoningTokens], [80, 30]);
      assert.equal(await result.finishReason, 'stop');
    });

    test('answers at once with the same text and usage', async (t) => {
      const server = await serveScript(t, [{ text: TEXT, usage: USAGE }]);
      const { text, usage, finishReason } = await generateText({
        model: client(server.url),
        prompt: 'go',
        maxRetries: 0,
      });
      assert.deepEqual([text, finishReason], [TEXT, 'stop']);
      assert.deepEqual(
        [usage.inputTokens, usage.inputTokenDetails.cacheReadTokens, usage.outputTokens],
        [USAGE.inputTokens, USAGE.cacheReadTokens, USAGE.outputTokens],
      );
      assert.equal(usage.outputTokenDetails.reasoningTokens, 30);
    });

    test('calls tools in parallel, each with an id of its own', async (t) => {
      const toolCalls = ['ls', 'pwd'].map((command) => ({ name: 'bash', input: { command } }));
      const server = await serveScript(t, [{ text: 'Both.', toolCalls }]);
      const streamed = streamText({ model: client(server.url), prompt: 'go', tools, maxRetries: 0 });
      const whole = await generateText({ model: client(server.url), prompt: 'go', tools, maxRetries: 0 });
      for (const calls of [await streamed.toolCalls, whole.toolCalls]) {
        assert.deepEqual(
          calls.map(({ toolName, input }) => ({ toolName, input: input as unknown })),
          ['ls', 'pwd'].map((command) => ({ toolName: 'bash', input: { command } })),
        );
        assert.equal(new Set(calls.map(({ toolCallId }) => toolCallId)).size, 2);
      }
      assert.deepEqual([await streamed.finishReason, whole.finishReason], ['tool-calls', 'tool-calls']);
      assert.equal(await streamed.text, 'Both.');
    });

    test('sends the arguments of a tool as broken as the script has them', async (t) => {
      const server = await serveScript(t, [{ toolCalls: [{ name: 'bash', rawInput: '{"command": "ls' }] }]);
      const result = streamText({ model: client(server.url), prompt: 'go', tools, maxRetries: 0 });
      const [call] = await result.toolCalls;
      assert.equal(call?.invalid, true);
      assert.equal(call.input, '{"command": "ls');
    });

    test('goes from turn to turn with the results of the tools', async (t) => {
      const server = await serveScript(t, [
        {
          reasoning: 'First look.',
          text: 'Looking.',
          toolCalls: [{ name: 'bash', input: { command: '{{lastUserText}}' } }],
        },
        {
          expect: { lastToolResultContains: 'a.txt', offersTool: 'bash' },
          text: 'Found {{lastToolResult}} {{unknown}}.',
        },
        { text: 'Bye.' },
      ]);
      const model = client(server.url);
      const messages: ModelMessage[] = [{ role: 'user', content: 'list it' }];
      const first = await generateText({ model, messages, tools, maxRetries: 0 });
      const call = first.toolCalls[0];
      assert.deepEqual(call?.input, { command: 'list it' });
      messages.push(...first.response.messages, {
        role: 'tool',
        content: [
          {
            type: 'tool-result',
            toolCallId: call.toolCallId,
            toolName: 'bash',
            output: { type: 'text', value: 'a.txt' },
          },
        ],
      });
      const second = await generateText({ model, messages, tools, maxRetries: 0 });
      assert.equal(second.text, 'Found a.txt {{unknown}}.');
      messages.push(...second.response.messages, { role: 'user', content: 'thanks' });
      assert.equal((await generateText({ model, messages, tools, maxRetries: 0 })).text, 'Bye.');
      assert.deepEqual(
        server.requests.map(({ turn, result }) => [turn, result]),
        [0, 1, 2].map((turn) => [turn, 'answered']),
      );
    });

    test('ends as the script says: cut at the limit of tokens, or stopped by a filter', async (t) => {
      const server = await serveScript(t, {
        conversations: [
          { name: 'cut', when: { contains: 'long' }, turns: [{ text: 'Once upon', finish: 'length' }] },
          { name: 'filtered', when: { contains: 'bad' }, turns: [{ text: 'I', finish: 'content_filter' }] },
        ],
      });
      const ends = ['a long one', 'a bad one'].map(async (prompt) => [
        await streamText({ model: client(server.url), prompt, maxRetries: 0 }).finishReason,
        (await generateText({ model: client(server.url), prompt, maxRetries: 0 })).finishReason,
      ]);
      assert.deepEqual(await Promise.all(ends), [
        ['length', 'length'],
        ['content-filter', 'content-filter'],
      ]);
    });

    test('estimates the usage that the script leaves out', async (t) => {
      const server = await serveScript(t, [{ text: 'x'.repeat(40) }]);
      const { usage } = await generateText({ model: client(server.url), prompt: 'y'.repeat(400), maxRetries: 0 });
      assert.equal(usage.outputTokens, 10);
      assert.ok((usage.inputTokens ?? 0) >= 100, String(usage.inputTokens));
    });
  });
}

// The chat client of OpenAI has no reasoning text: that provider shows none in this protocol.
for (const name of CLIENT_NAMES.filter((one) => one !== 'openai-chat')) {
  test(`${name} gets reasoning before the text, streamed and whole`, async (t) => {
    const server = await serveScript(t, [{ reasoning: 'Let me think about it.', text: 'Done.', chunkCharacters: 5 }]);
    const model = CLIENTS[name](server.url);
    const result = streamText({ model, prompt: 'go', maxRetries: 0 });
    const order: string[] = [];
    for await (const { type } of result.fullStream) {
      if (type.endsWith('-delta') && order.at(-1) !== type) order.push(type);
    }
    assert.deepEqual(order, ['reasoning-delta', 'text-delta']);
    assert.equal(await result.finalStep.then(({ reasoningText }) => reasoningText), 'Let me think about it.');
    const whole = await generateText({ model, prompt: 'go', maxRetries: 0 });
    assert.deepEqual([whole.finalStep.reasoningText, whole.text], ['Let me think about it.', 'Done.']);
  });
}

for (const name of ['openai-responses', 'openai-chat', 'anthropic'] as const) {
  test(`${name} gets to know what went into the cache`, async (t) => {
    const server = await serveScript(t, [{ text: 'x', usage: { ...USAGE, cacheWriteTokens: 200 } }]);
    const { usage } = await generateText({ model: CLIENTS[name](server.url), prompt: 'go', maxRetries: 0 });
    const { cacheReadTokens, cacheWriteTokens, noCacheTokens } = usage.inputTokenDetails;
    assert.deepEqual([usage.inputTokens, cacheReadTokens, cacheWriteTokens, noCacheTokens], [1200, 900, 200, 100]);
  });
}

for (const name of ['openai-responses', 'openai-compatible'] as const) {
  test(`${name} gets no usage when the script has none`, async (t) => {
    const server = await serveScript(t, [{ text: 'x', usage: null }]);
    const { usage } = streamText({ model: CLIENTS[name](server.url), prompt: 'go', maxRetries: 0 });
    assert.deepEqual([(await usage).inputTokens, (await usage).outputTokens], [undefined, undefined]);
  });
}
