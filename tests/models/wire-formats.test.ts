import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ModelMessage } from 'ai';
import { ModelCallError } from '../../src/core/model-call-error.ts';
import type { ModelDelta, ModelResponse } from '../../src/models/model.ts';
import { createModels } from '../../src/models/models.ts';
import type { PriceOverrides } from '../../src/models/price-table.ts';
import type { ScriptedTurn } from '../../src/models/scripted/script.ts';
import { type ScriptedModel, startScriptedModel } from '../../src/models/scripted/scripted-model.ts';
import { READ_FILE, requestOf, settingsAt } from './model-calls.ts';

interface Running extends ScriptedModel, AsyncDisposable {}

const serve = async (turns: readonly ScriptedTurn[], requiredKey?: string): Promise<Running> => {
  const script = { conversations: [{ name: 'test', turns: [...turns], repeatLast: true }] };
  const server = await startScriptedModel({ script, requiredKey, keepBodies: true });
  return Object.assign(server, { [Symbol.asyncDispose]: server.stop });
};

/** Dollars per million tokens that make every figure below a whole one; cached input differs by format. */
const PRICES: PriceOverrides = Object.fromEntries(
  ['openai/gpt-6-sol', 'anthropic/claude-sonnet-5', 'openai-compatible/local'].map((id) => [
    id,
    { input_mtok: 10, output_mtok: 20, cache_read_mtok: 1, cache_write_mtok: 12 },
  ]),
);

const modelAt = (url: string, id: string): ReturnType<ReturnType<typeof createModels>['resolve']> =>
  createModels({ settings: settingsAt(url), priceOverrides: PRICES }).resolve(id);

const toolResult = (response: ModelResponse, value: string): ModelMessage => {
  const [call] = response.toolCalls;
  assert.ok(call !== undefined, 'the model called a tool');
  const { id: toolCallId, name: toolName } = call;
  return { role: 'tool', content: [{ type: 'tool-result', toolCallId, toolName, output: { type: 'text', value } }] };
};

const joined = (deltas: readonly ModelDelta[], wanted: ModelDelta['part']): string =>
  deltas.flatMap(({ part, text }) => (part === wanted ? [text] : [])).join('');

const USAGE = { inputTokens: 1000, cacheReadTokens: 600, cacheWriteTokens: 0, outputTokens: 50, reasoningTokens: 20 };

for (const id of ['openai/gpt-6-sol', 'anthropic/claude-sonnet-5', 'openai-compatible/local']) {
  describe(id, () => {
    test('text and reasoning come in pieces and as a whole, with usage and cost', async () => {
      await using server = await serve([
        { text: 'Hello, world', reasoning: 'They greet.', chunkCharacters: 3, usage: USAGE },
      ]);
      const { request, deltas } = requestOf();
      const response = await modelAt(server.url, id).call(request);
      assert.equal(response.text, 'Hello, world');
      assert.equal(response.reasoning, 'They greet.');
      assert.equal(joined(deltas, 'text'), response.text);
      assert.equal(joined(deltas, 'reasoning'), response.reasoning);
      assert.ok(deltas.length > 4, 'the pieces are those of the provider');
      assert.equal(response.finish, 'stop');
      assert.deepEqual(response.toolCalls, []);
      // What Anthropic says of reasoning is text only, without a count.
      const expected = { ...USAGE, reasoningTokens: response.usage?.reasoningTokens };
      assert.deepEqual(response.usage, expected);
      assert.equal(response.costMicros, 400 * 10 + 600 * 1 + 50 * 20);
      assert.ok(response.durationMs >= 0);
    });

    test('a tool is called, and its result reaches the model with all that was said before', async () => {
      await using server = await serve([
        {
          text: 'I look.',
          reasoning: 'I need the file.',
          toolCalls: [{ name: 'read_file', input: { path: 'a.txt' } }],
          chunkCharacters: 4,
          expect: { offersTool: 'read_file', systemContains: 'You are kazi.' },
        },
        { text: 'It says: {{lastToolResult}}', expect: { lastToolResultContains: 'words' } },
      ]);
      const model = modelAt(server.url, id);
      const { request, deltas } = requestOf({ tools: [READ_FILE] });
      const first = await model.call(request);
      assert.equal(first.finish, 'tool_calls');
      assert.deepEqual(
        first.toolCalls.map(({ name, input, inputError }) => ({ name, input, inputError })),
        [{ name: 'read_file', input: { path: 'a.txt' }, inputError: null }],
      );
      const inputDeltas = deltas.filter((delta) => delta.part === 'tool_input');
      assert.deepEqual(JSON.parse(joined(deltas, 'tool_input')), { path: 'a.txt' });
      for (const delta of inputDeltas) {
        assert.equal(delta.toolName, 'read_file');
        assert.equal(delta.toolCallId, first.toolCalls[0]?.id);
      }

      assert.deepEqual(
        JSON.parse(JSON.stringify(first.messages)),
        first.messages,
        'plain JSON, as the journal keeps it',
      );
      const messages = [...request.messages, ...first.messages, toolResult(first, 'some words')];
      const second = await model.call(requestOf({ tools: [READ_FILE], messages }).request);
      assert.equal(second.text, 'It says: some words');
      assert.equal(second.finish, 'stop');
      assert.equal(server.requests.length, 2);
    });

    test('arguments that are no JSON are an error for the model to read, and the loop goes on', async () => {
      await using server = await serve([
        { toolCalls: [{ name: 'read_file', rawInput: '{"path": "a.t' }] },
        { text: 'Sorry.', expect: { lastToolResultContains: 'not a JSON object' } },
      ]);
      const model = modelAt(server.url, id);
      const { request } = requestOf({ tools: [READ_FILE] });
      const first = await model.call(request);
      assert.match(first.toolCalls[0]?.inputError ?? '', /not a JSON object\. Found: \{"path": "a\.t\. Problem: /);
      const result = toolResult(first, first.toolCalls[0]?.inputError ?? '');
      const messages = [...request.messages, ...first.messages, result];
      assert.equal((await model.call(requestOf({ tools: [READ_FILE], messages }).request)).text, 'Sorry.');
    });

    test('a tool that was never offered is called as any other, for the loop to refuse', async () => {
      await using server = await serve([{ toolCalls: [{ name: 'no_such_tool', input: { a: 1 } }] }]);
      const { toolCalls } = await modelAt(server.url, id).call(requestOf({ tools: [READ_FILE] }).request);
      assert.deepEqual(
        toolCalls.map(({ name, input, inputError }) => ({ name, input, inputError })),
        [{ name: 'no_such_tool', input: { a: 1 }, inputError: null }],
      );
    });

    test('several calls keep their order', async () => {
      const calls = ['a', 'b', 'c'].map((path) => ({ name: 'read_file', input: { path } }));
      await using server = await serve([{ toolCalls: calls }]);
      const { toolCalls } = await modelAt(server.url, id).call(requestOf({ tools: [READ_FILE] }).request);
      assert.deepEqual(
        toolCalls.map(({ input }) => input),
        calls.map(({ input }) => input),
      );
    });

    test('an answer that was cut at the limit says so', async () => {
      await using server = await serve([{ text: 'Hel', finish: 'length' }]);
      assert.equal((await modelAt(server.url, id).call(requestOf().request)).finish, 'length');
    });

    test('a wrong key is refused with the setting to correct, and is not repeated', async () => {
      await using server = await serve([{ text: 'Hello' }], 'another-key');
      await assert.rejects(modelAt(server.url, id).call(requestOf().request), (error) => {
        assert.ok(error instanceof ModelCallError);
        assert.equal(error.fault, 'unauthorized');
        assert.match(error.message, /refused the API key \(401\): .* Set (KAZI_)?(OPENAI|ANTHROPIC)\w*_KEY\.$/);
        assert.doesNotMatch(error.message, /test-key/);
        return true;
      });
    });

    const FAULTS = [
      { fault: { status: 429, retryAfterSeconds: 3 }, expected: 'rate_limited', retryAfterMs: 3000 },
      { fault: { status: 500 }, expected: 'unavailable', retryAfterMs: null },
      { fault: { status: 529 }, expected: 'unavailable', retryAfterMs: null },
      { fault: { status: 404 }, expected: 'unknown_model', retryAfterMs: null },
      { fault: { status: 400 }, expected: 'bad_request', retryAfterMs: null },
      { fault: { contextOverflow: true }, expected: 'context_overflow', retryAfterMs: null },
      { fault: { cutAfterCharacters: 3 }, expected: 'interrupted', retryAfterMs: null },
    ] as const;

    for (const { fault, expected, retryAfterMs } of FAULTS) {
      test(`${JSON.stringify(fault)} is ${expected}, and is asked for once`, async () => {
        await using server = await serve([{ text: 'Hello, world', chunkCharacters: 3, faults: [fault] }]);
        await assert.rejects(modelAt(server.url, id).call(requestOf().request), (error) => {
          assert.ok(error instanceof ModelCallError, String(error));
          assert.equal(error.fault, expected, error.message);
          assert.equal(error.retryAfterMs, retryAfterMs);
          return true;
        });
        assert.equal(server.requests.length, 1);
      });
    }

    test('an error in the middle of the answer may pass', async () => {
      await using server = await serve([
        { text: 'Hello, world', chunkCharacters: 3, faults: [{ errorAfterCharacters: 3 }] },
      ]);
      await assert.rejects(
        modelAt(server.url, id).call(requestOf().request),
        (error) => error instanceof ModelCallError && error.isRetryable,
      );
    });

    test('an abort in the middle of the answer rejects with the reason, and the provider sees the client leave', async () => {
      await using server = await serve([
        { text: 'Hello, world', chunkCharacters: 3, faults: [{ hangAfterCharacters: 3 }] },
      ]);
      const aborter = new AbortController();
      const reason = new Error('canceled');
      const { request } = requestOf({ signal: aborter.signal, onDelta: () => aborter.abort(reason) });
      await assert.rejects(modelAt(server.url, id).call(request), (error) => error === reason);
      await server.waitFor(({ clientLeft }) => clientLeft);
    });
  });
}

const bodyOf = (server: ScriptedModel, index: number): Readonly<Record<string, unknown>> => {
  const body = server.requests[index]?.body;
  assert.ok(typeof body === 'object' && body !== null);
  return { ...body };
};

test('OpenAI stores nothing: reasoning comes encrypted and goes back with the next call', async () => {
  await using server = await serve([
    { reasoning: 'I need the file.', toolCalls: [{ name: 'read_file', input: { path: 'a' } }] },
    { text: 'Done' },
  ]);
  const model = modelAt(server.url, 'openai/gpt-6-sol');
  const { request } = requestOf({ tools: [READ_FILE] });
  const first = await model.call(request);
  const messages = [...request.messages, ...first.messages, toolResult(first, 'words')];
  await model.call(requestOf({ tools: [READ_FILE], messages }).request);
  const [one, two] = [bodyOf(server, 0), bodyOf(server, 1)];
  assert.equal(one['store'], false);
  assert.deepEqual(one['include'], ['reasoning.encrypted_content']);
  assert.equal('previous_response_id' in two, false);
  assert.match(JSON.stringify(two['input']), /"type":"reasoning".*"encrypted_content":"[^"]+/);
});

test('OpenAI gets the schema of the answer as it is, not strict', async () => {
  await using server = await serve([{ text: '{"a":1}' }]);
  const outputSchema = { type: 'object', properties: { a: { type: 'number', default: 3 } } };
  await modelAt(server.url, 'openai/gpt-6-sol').call(requestOf({ outputSchema }).request);
  assert.deepEqual(bodyOf(server, 0)['text'], {
    format: { type: 'json_schema', strict: false, name: 'answer', schema: outputSchema },
  });
});

test('Anthropic gets its marks for the cache, and no more than it takes', async () => {
  await using server = await serve([{ text: 'Hello' }]);
  const messages: readonly ModelMessage[] = Array.from({ length: 9 }, (_, index) => ({
    role: index % 2 === 0 ? 'user' : 'assistant',
    content: `message ${index}`,
  }));
  await modelAt(server.url, 'anthropic/claude-sonnet-5').call(requestOf({ messages, tools: [READ_FILE] }).request);
  const marks = JSON.stringify(bodyOf(server, 0)).match(/"cache_control":\{"type":"ephemeral"\}/g);
  assert.equal(marks?.length, 3);
});

test('tokens that were written to the cache of Anthropic are part of the input and have their price', async () => {
  const usage = { inputTokens: 1000, cacheReadTokens: 600, cacheWriteTokens: 300, outputTokens: 50 };
  await using server = await serve([{ text: 'Hello', usage }]);
  const answer = await modelAt(server.url, 'anthropic/claude-sonnet-5').call(requestOf().request);
  assert.equal(answer.usage?.inputTokens, 1000);
  assert.equal(answer.usage?.cacheWriteTokens, 300);
  assert.equal(answer.costMicros, 100 * 10 + 600 * 1 + 300 * 12 + 50 * 20);
});

test('nothing is written to the console, whatever a provider is not able to do', async (context) => {
  await using server = await serve([{ text: 'Hello' }]);
  const writes = (['log', 'info', 'warn', 'error'] as const).map((name) =>
    context.mock.method(console, name, () => undefined),
  );
  const emitted = context.mock.method(process, 'emitWarning', () => undefined);
  for (const id of Object.keys(PRICES)) {
    await modelAt(server.url, id).call(requestOf({ maxOutputTokens: 10_000_000 }).request);
  }
  assert.deepEqual(
    [...writes, emitted].map((write) => write.mock.callCount()),
    [0, 0, 0, 0, 0],
  );
});
