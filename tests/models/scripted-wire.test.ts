import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { describe, test } from 'node:test';
import { eventsOf, post, serveScript } from './scripted-clients.ts';

const TURN = {
  reasoning: 'abcdef',
  text: 'ghijkl',
  toolCalls: [{ name: 'bash', input: { a: 1 } }],
  chunkCharacters: 4,
  usage: { inputTokens: 100, cacheReadTokens: 60, cacheWriteTokens: 10, outputTokens: 20, reasoningTokens: 5 },
};
const CHAT = { model: 'm', messages: [{ role: 'user', content: 'go' }] };
const MESSAGES = { model: 'm', max_tokens: 100, messages: [{ role: 'user', content: 'go' }] };
type Data = Readonly<Record<string, unknown>>;

describe('the events of a stream', () => {
  test('of Responses come in the order of the API, numbered, with the whole response at the end', async (t) => {
    const { url } = await serveScript(t, [TURN]);
    const answer = await post(`${url}/v1/responses`, { model: 'm', input: 'go', stream: true });
    assert.equal(answer.headers.get('content-type'), 'text/event-stream; charset=utf-8');
    const events = eventsOf(await answer.text());
    const piecewise = (start: string, delta: string, ...ends: readonly string[]): readonly string[] => [
      ...['output_item.added', start, delta, delta, ...ends, 'output_item.done'].filter(Boolean),
    ];
    const summary = 'reasoning_summary_';
    assert.deepEqual(
      events.map(({ event }) => event?.replace(/^response\./, '')),
      [
        ...['created', 'in_progress'],
        ...piecewise(`${summary}part.added`, `${summary}text.delta`, `${summary}text.done`, `${summary}part.done`),
        ...piecewise('content_part.added', 'output_text.delta', 'output_text.done', 'content_part.done'),
        ...piecewise('', 'function_call_arguments.delta', 'function_call_arguments.done'),
        'completed',
      ],
    );
    for (const [index, { event, data }] of events.entries()) {
      assert.deepEqual([(data as Data)['type'], (data as Data)['sequence_number']], [event, index]);
    }
    const { response } = (events.at(-1)?.data ?? {}) as { response: Data & { output: readonly Data[] } };
    assert.deepEqual(response['usage'], {
      input_tokens: 100,
      input_tokens_details: { cached_tokens: 60, cache_write_tokens: 10 },
      output_tokens: 20,
      output_tokens_details: { reasoning_tokens: 5 },
      total_tokens: 120,
    });
    assert.deepEqual(
      response.output.map(({ type, status }) => [type, status]),
      [
        ['reasoning', undefined],
        ['message', 'completed'],
        ['function_call', 'completed'],
      ],
    );
    const { response: begun } = (events[0]?.data ?? {}) as { response: Data };
    assert.deepEqual([begun['status'], begun['id']], ['in_progress', response['id']]);
  });

  test('of chat completions end with the reason, the usage where it was asked for, and [DONE]', async (t) => {
    const { url } = await serveScript(t, [TURN]);
    const stream = async (body: object): Promise<readonly Data[]> => {
      const events = eventsOf(
        await (await post(`${url}/v1/chat/completions`, { ...CHAT, stream: true, ...body })).text(),
      );
      assert.equal(events.at(-1)?.data, '[DONE]');
      return events.slice(0, -1).map(({ data }) => data as Data);
    };
    const chunks = await stream({ stream_options: { include_usage: true } });
    const deltas = chunks.map(({ choices }) => (choices as readonly { delta: Data; finish_reason: unknown }[])[0]);
    assert.deepEqual(
      deltas.map((choice) => choice && [Object.keys(choice.delta).join(), choice.finish_reason]),
      [
        ['role,content,refusal', null],
        ['reasoning_content', null],
        ['reasoning_content', null],
        ['content', null],
        ['content', null],
        ['tool_calls', null],
        ['tool_calls', null],
        ['tool_calls', null],
        ['', 'tool_calls'],
        undefined,
      ],
    );
    assert.deepEqual(
      chunks.map(({ usage }) => usage),
      [
        ...Array.from({ length: 9 }, () => null),
        {
          prompt_tokens: 100,
          completion_tokens: 20,
          total_tokens: 120,
          prompt_tokens_details: { cached_tokens: 60, audio_tokens: 0, cache_write_tokens: 10 },
          completion_tokens_details: {
            reasoning_tokens: 5,
            audio_tokens: 0,
            accepted_prediction_tokens: 0,
            rejected_prediction_tokens: 0,
          },
        },
      ],
    );
    assert.equal(new Set(chunks.map(({ id }) => id)).size, 1);
    const silent = await stream({});
    assert.ok(silent.every((chunk) => !('usage' in chunk)));
  });

  test('of Messages open and close each block, with input usage first and output usage last', async (t) => {
    const { url } = await serveScript(t, [TURN]);
    const events = eventsOf(await (await post(`${url}/v1/messages`, { ...MESSAGES, stream: true })).text());
    const kind = ({ event, data }: (typeof events)[number]): string => {
      const {
        delta,
        content_block: block,
        index,
      } = data as {
        delta?: { type?: string };
        content_block?: { type: string };
        index?: number;
      };
      const type = (delta ?? block)?.type ?? '';
      return [event, index, type].filter((part) => part !== undefined && part !== '').join(' ');
    };
    assert.deepEqual(events.map(kind), [
      'message_start',
      'ping',
      'content_block_start 0 thinking',
      'content_block_delta 0 thinking_delta',
      'content_block_delta 0 thinking_delta',
      'content_block_delta 0 signature_delta',
      'content_block_stop 0',
      'content_block_start 1 text',
      'content_block_delta 1 text_delta',
      'content_block_delta 1 text_delta',
      'content_block_stop 1',
      'content_block_start 2 tool_use',
      'content_block_delta 2 input_json_delta',
      'content_block_delta 2 input_json_delta',
      'content_block_delta 2 input_json_delta',
      'content_block_stop 2',
      'message_delta',
      'message_stop',
    ]);
    const { message } = (events[0]?.data ?? {}) as { message: { usage: Data } };
    const { input_tokens, cache_creation_input_tokens, cache_read_input_tokens, output_tokens } = message.usage;
    assert.deepEqual(
      [input_tokens, cache_creation_input_tokens, cache_read_input_tokens, output_tokens],
      [30, 10, 60, 1],
    );
    const { delta, usage } = (events.at(-2)?.data ?? {}) as { delta: Data; usage: Data };
    assert.deepEqual(delta, { stop_reason: 'tool_use', stop_sequence: null });
    assert.deepEqual([usage['output_tokens'], usage['output_tokens_details']], [20, { thinking_tokens: 5 }]);
  });

  test('arrive while the answer is still being written', async (t) => {
    const faults = [{ hangAfterCharacters: 4 }];
    const server = await serveScript(t, [{ text: 'abcdef', chunkCharacters: 2, tokenDelayMs: 5, faults }]);
    const answer = await post(`${server.url}/chat/completions`, { ...CHAT, stream: true });
    let seen = '';
    for await (const chunk of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      seen += chunk;
      if (seen.includes('"content":"cd"')) break;
    }
    assert.match(seen, /"content":"ab".*"content":"cd"/s);
    assert.doesNotMatch(seen, /"content":"ef"/);
    // Leaving the loop closed the connection, which the server had kept open until then.
    const { clientLeft } = await server.waitFor(({ result }) => result !== 'open');
    assert.equal(clientLeft, true);
  });

  test('never cut a character of two units in half', async (t) => {
    const { url } = await serveScript(t, [{ text: '😀😀😀', chunkCharacters: 1, faults: [{ cutAfterCharacters: 3 }] }]);
    const answer = await post(`${url}/chat/completions`, { ...CHAT, stream: true });
    const chunks: string[] = [];
    await assert.rejects(async () => {
      for await (const chunk of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) chunks.push(chunk);
    });
    assert.deepEqual(
      [...chunks.join('').matchAll(/"content":"([^"]+)"/g)].map(([, text]) => text),
      ['😀', '😀'],
    );
  });
});

describe('the scripted model server', () => {
  test('holds a thousand slow streams open, and ends each', async (t) => {
    const { url, requests } = await serveScript(t, [{ text: 'x'.repeat(8), chunkCharacters: 1, tokenDelayMs: 100 }]);
    const agent = new Agent({ maxSockets: Number.POSITIVE_INFINITY });
    const body = JSON.stringify({ ...MESSAGES, stream: true });
    const streams = Array.from({ length: 1000 }, async () => {
      const call = request(`${url}/messages`, {
        method: 'POST',
        agent,
        headers: { 'anthropic-version': '2023-06-01' },
      });
      const answered = once(call, 'response');
      call.end(body);
      const [answer] = (await answered) as [IncomingMessage];
      return eventsOf(await text(answer)).at(-1)?.event;
    });
    assert.deepEqual(new Set(await Promise.all(streams)), new Set(['message_stop']));
    agent.destroy();
    assert.deepEqual(new Set(requests.map(({ result }) => result)), new Set(['answered']));
    assert.equal(requests.length, 1000);
  });

  test('waits for a reader that does not read, and notes when it leaves', async (t) => {
    const server = await serveScript(t, [{ text: 'x'.repeat(64 * 1024 * 1024), chunkCharacters: 1024 * 1024 }]);
    const { hostname, port } = new URL(server.url);
    const socket = connect(Number(port), hostname);
    const body = JSON.stringify({ ...CHAT, stream: true });
    socket.pause().write(`POST /chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
    await server.waitFor(({ status }) => status === 200);
    await once(socket, 'readable');
    assert.equal(server.requests[0]?.result, 'open');
    socket.destroy();
    const { result, clientLeft } = await server.waitFor((request) => request.result !== 'open');
    assert.deepEqual([result, clientLeft], ['abandoned', true]);
  });

  test('refuses a body of more than 32 MiB in the words of each provider', async (t) => {
    const { url } = await serveScript(t, [{ text: 'x' }]);
    const huge = { model: 'm', padding: 'x'.repeat(32 * 1024 * 1024) };
    for (const path of ['responses', 'chat/completions', 'messages']) {
      const answer = await post(`${url}/v1/${path}`, huge);
      assert.equal(answer.status, 413);
      assert.match(await answer.text(), path === 'messages' ? /"request_too_large"/ : /"invalid_request_error"/);
    }
  });

  test('refuses what is no JSON, and what lacks a part, with what it found', async (t) => {
    const { url, requests } = await serveScript(t, [{ text: 'x' }]);
    const bad = await fetch(`${url}/v1/responses`, { method: 'POST', body: '{' });
    assert.deepEqual([bad.status, /could not parse the JSON body/.test(await bad.text())], [400, true]);
    const lacking = await post(`${url}/v1/messages`, { model: 'm', messages: [] });
    assert.match(await lacking.text(), /"max_tokens: found nothing; /);
    const content = [{ type: 'text', text: 7 }];
    const odd = await post(`${url}/v1/chat/completions`, { model: 'm', messages: [{ role: 'user', content }] });
    assert.match(await odd.text(), /"messages\.0\.content\.0\.text: found 7; /);
    const bare = await fetch(`${url}/v1/messages`, { method: 'POST', body: JSON.stringify(MESSAGES) });
    assert.match(await bare.text(), /anthropic-version: header is required/);
    assert.deepEqual(new Set(requests.map(({ result }) => result)), new Set(['refused']));
  });

  test('lists its models in both forms, and tells of paths that it does not have', async (t) => {
    const { url } = await serveScript(t, {
      models: ['one', 'two'],
      conversations: [{ name: 'a', turns: [{ text: 'x' }] }],
    });
    const list = async (headers: Record<string, string>): Promise<Data> =>
      (await (await fetch(`${url}/v1/models`, { headers })).json()) as Data;
    const ids = ({ data }: Data): unknown =>
      (data as readonly Data[]).map(({ id, type, object }) => [id, type ?? object]);
    assert.deepEqual(ids(await list({})), [
      ['one', 'model'],
      ['two', 'model'],
    ]);
    assert.equal((await list({ 'anthropic-version': '2023-06-01' }))['last_id'], 'two');
    const elsewhere = await fetch(`${url}/v1/embeddings`, { method: 'POST' });
    assert.deepEqual([elsewhere.status, /POST \/v1\/embeddings/.test(await elsewhere.text())], [404, true]);
  });

  test('shows its log, and keeps bodies only when it is told to', async (t) => {
    const lines: unknown[] = [];
    const server = await serveScript(t, [{ text: 'x' }], { log: (request) => lines.push(request) });
    await (await post(`${server.url}/chat/completions`, CHAT, { authorization: 'Bearer secret' })).text();
    const { at, durationMs, ...entry } = await server.waitFor(({ result }) => result === 'answered');
    assert.ok(!Number.isNaN(Date.parse(at)) && durationMs !== null);
    assert.deepEqual(entry, {
      number: 1,
      format: 'openai-chat',
      hadKey: true,
      model: 'm',
      conversation: 'only',
      turn: 0,
      isStream: false,
      messageCount: 1,
      result: 'answered',
      fault: null,
      status: 200,
      clientLeft: false,
    });
    const shown = await (await fetch(`${server.url}/_log`)).json();
    assert.deepEqual(shown, server.requests);
    assert.deepEqual(lines, server.requests);
    const keeping = await serveScript(t, [{ text: 'x' }], { keepBodies: true });
    await (await post(`${keeping.url}/chat/completions`, CHAT)).text();
    assert.deepEqual(keeping.requests[0]?.body, CHAT);
  });
});
