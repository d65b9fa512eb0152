import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createGoogle } from '@ai-sdk/google';
import { makePrompt } from '../../src/models/prompt.ts';
import { streamCall } from '../../src/models/stream-call.ts';
import { READ_FILE, requestOf } from './model-calls.ts';
import { beginStream, sendData, startRawProvider } from './raw-provider.ts';

const context = { provider: 'google', model: 'gemini-3.5-flash', keyVariable: 'X', key: null, idleTimeoutMs: 1 };

test('a call of a tool comes back to Google with its signature', async () => {
  await using provider = await startRawProvider((response) => {
    beginStream(response);
    const functionCall = { name: 'read_file', args: { path: 'a.txt' } };
    sendData(response, {
      candidates: [
        {
          content: { role: 'model', parts: [{ functionCall, thoughtSignature: 'c2lnbmF0dXJl' }] },
          finishReason: 'STOP',
          index: 0,
        },
      ],
      usageMetadata: {
        promptTokenCount: 100,
        candidatesTokenCount: 20,
        thoughtsTokenCount: 5,
        cachedContentTokenCount: 40,
      },
    });
    response.end();
  });
  const model = createGoogle({ baseURL: `${provider.url}/v1beta`, apiKey: 'key' })('gemini-3.5-flash');
  const ask = requestOf({ tools: [READ_FILE] }).request;
  const first = await streamCall({ model, prompt: makePrompt(ask, 'google'), request: ask, context });
  assert.equal(first.finish, 'tool_calls');
  assert.deepEqual(first.usage, {
    inputTokens: 100,
    cacheReadTokens: 40,
    cacheWriteTokens: 0,
    outputTokens: 25,
    reasoningTokens: 5,
  });
  const [call] = first.toolCalls;
  assert.deepEqual(call?.input, { path: 'a.txt' });

  const toolCallId = call?.id ?? '';
  const result = {
    type: 'tool-result',
    toolCallId,
    toolName: 'read_file',
    output: { type: 'text', value: 'words' },
  } as const;
  const kept = structuredClone(first.messages);
  const again = requestOf({
    tools: [READ_FILE],
    messages: [...ask.messages, ...kept, { role: 'tool', content: [result] }],
  });
  await streamCall({ model, prompt: makePrompt(again.request, 'google'), request: again.request, context });
  assert.match(JSON.stringify(provider.requests[1]?.body), /"thoughtSignature":"c2lnbmF0dXJl"/);
});
