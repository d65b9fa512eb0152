import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { createOpenAI } from '@ai-sdk/openai';
import { generateText, type ModelMessage } from 'ai';
import { CLIENT_NAMES, CLIENTS, post, serveScript } from './scripted-clients.ts';

const turns = (...texts: readonly string[]): readonly object[] => texts.map((text) => ({ text }));
const user = (content: string): ModelMessage => ({ role: 'user', content });
const said = (content: string): ModelMessage => ({ role: 'assistant', content });

/** The text of a bare chat completion, or the message of its error. */
const chat = async (url: string, messages: readonly unknown[], model = 'm'): Promise<string | undefined> => {
  const answer = await post(`${url}/chat/completions`, { model, messages });
  const { choices, error } = (await answer.json()) as {
    choices?: readonly { message: { content: string } }[];
    error?: { message: string };
  };
  return choices?.[0]?.message.content ?? error?.message;
};

for (const name of CLIENT_NAMES) {
  describe(`which turn the client ${name} gets`, () => {
    test('is decided by its history alone: asked again, also of another server, it is the same', async (t) => {
      const script = { conversations: [{ name: 'a', turns: turns('one', 'two', 'three') }] };
      const servers = [await serveScript(t, script), await serveScript(t, script)];
      const messages = [user('go'), said('one'), user('on'), said('two'), user('on')];
      for (const { url } of [...servers, ...servers]) {
        const second = await generateText({ model: CLIENTS[name](url), messages: messages.slice(0, 3) });
        const third = await generateText({ model: CLIENTS[name](url), messages });
        assert.deepEqual([second.text, third.text], ['two', 'three']);
      }
    });

    test('counts from the last user message that the conversation is chosen by', async (t) => {
      const { url, requests } = await serveScript(t, {
        conversations: [
          { name: 'first', when: { contains: 'apples' }, turns: turns('red', 'green') },
          { name: 'second', when: { contains: 'pears' }, turns: turns('ripe', 'sweet') },
        ],
      });
      const model = CLIENTS[name](url);
      const messages = [user('apples?'), said('red'), user('more'), said('green'), user('and pears?')];
      assert.equal((await generateText({ model, messages })).text, 'ripe');
      messages.push(said('ripe'), user('more'));
      assert.equal((await generateText({ model, messages })).text, 'sweet');
      messages.push(said('sweet'), user('apples again'));
      assert.equal((await generateText({ model, messages })).text, 'red');
      assert.deepEqual(
        requests.map(({ conversation, turn }) => [conversation, turn]),
        [
          ['second', 0],
          ['second', 1],
          ['first', 0],
        ],
      );
    });

    test('is an error that says what was found when no conversation matches, or when it is over', async (t) => {
      const { url, requests } = await serveScript(t, {
        conversations: [{ name: 'a', when: { contains: 'apples' }, turns: turns('red') }],
      });
      const ask = generateText({ model: CLIENTS[name](url), prompt: 'plums?', maxRetries: 0 });
      await assert.rejects(ask, {
        name: 'AI_APICallError',
        statusCode: 400,
        message: /No conversation of the script matches .* "plums\?"; expected one of "a" \(\{"contains":"apples"\}\)/,
      });
      const messages = [user('apples?'), said('red'), user('more')];
      const more = generateText({ model: CLIENTS[name](url), messages, maxRetries: 0 });
      await assert.rejects(more, { statusCode: 400, message: /"a" has 1 turns, found a request for turn 2/ });
      assert.deepEqual(
        requests.map(({ result, turn }) => [result, turn]),
        [
          ['refused', null],
          ['refused', 1],
        ],
      );
    });
  });
}

describe('a conversation of the script', () => {
  test('is chosen by model and by system text, too, in the order of the script', async (t) => {
    const { url } = await serveScript(t, {
      conversations: [
        { name: 'small', when: { model: 'small' }, turns: turns('small one') },
        { name: 'title', when: { systemContains: 'title' }, turns: turns('a title') },
        { name: 'rest', turns: turns('rest') },
      ],
    });
    const system = { role: 'system', content: 'Write a title.' };
    assert.deepEqual(
      [
        await chat(url, [system, user('x')], 'small'),
        await chat(url, [system, user('x')]),
        await chat(url, [user('x')]),
      ],
      ['small one', 'a title', 'rest'],
    );
  });

  test('repeats its last turn when it is told to', async (t) => {
    const { url } = await serveScript(t, {
      conversations: [{ name: 'a', turns: turns('one', 'on and on'), repeatLast: true }],
    });
    const history = Array.from({ length: 9 }, (_, index) => (index % 2 === 0 ? user('x') : said('y')));
    assert.equal(await chat(url, history), 'on and on');
  });

  test('refuses a turn whose expectation does not hold, with what it found', async (t) => {
    const { url } = await serveScript(t, {
      conversations: [
        { name: 'tool', when: { contains: 'tool' }, turns: [{ text: 'x', expect: { lastToolResultContains: '42' } }] },
        { name: 'system', when: { contains: 'sys' }, turns: [{ text: 'x', expect: { systemContains: 'kind' } }] },
        { name: 'offer', when: { contains: 'offer' }, turns: [{ text: 'x', expect: { offersTool: 'bash' } }] },
      ],
    });
    assert.match((await chat(url, [user('tool')])) ?? '', /found no tool result, expected one that contains "42"/);
    assert.match((await chat(url, [user('sys')])) ?? '', /found the system text "", expected it to contain "kind"/);
    assert.match((await chat(url, [user('offer')])) ?? '', /found the tools \(none\), expected "bash" among them/);
  });
});

describe('the Responses format', () => {
  test('knows the turns of a history that refers to stored items or repeats them', async (t) => {
    const toolCalls = [{ name: 'bash', input: {} }];
    const { url } = await serveScript(t, [
      { reasoning: 'r', text: 'one', toolCalls },
      { reasoning: 'r', text: 'two' },
      { text: 'three' },
    ]);
    for (const store of [true, false]) {
      const model = createOpenAI({ baseURL: url, apiKey: 'any' }).responses('gpt-5');
      const providerOptions = { openai: { store, include: ['reasoning.encrypted_content'] } };
      const messages = [user('go')];
      for (const expected of ['one', 'two', 'three']) {
        const { text, response, toolCalls: calls } = await generateText({ model, messages, providerOptions });
        assert.equal(text, expected);
        messages.push(...response.messages.filter(({ role }) => role === 'assistant'));
        const content = calls.map(({ toolCallId, toolName }) => ({
          type: 'tool-result' as const,
          toolCallId,
          toolName,
          output: { type: 'text' as const, value: 'ok' },
        }));
        messages.push(content.length > 0 ? { role: 'tool', content } : user('on'));
      }
    }
  });

  test('goes on after the id of a stored response', async (t) => {
    const { url } = await serveScript(t, [
      { toolCalls: [{ name: 'bash', input: {} }] },
      { text: 'two' },
      { text: 'three' },
    ]);
    const ask = async (body: object): Promise<{ id: string; output: readonly unknown[]; error?: { code: string } }> =>
      (await (await post(`${url}/v1/responses`, { model: 'm', ...body })).json()) as Awaited<ReturnType<typeof ask>>;
    const first = await ask({ input: 'go' });
    const result = { type: 'function_call_output', call_id: 'call_1', output: 'ok' };
    const second = await ask({ input: [result], previous_response_id: first.id });
    const third = await ask({ input: 'on', previous_response_id: second.id });
    assert.match(JSON.stringify(third.output), /"text":"three"/);
    const unknown = await ask({ input: 'on', previous_response_id: 'resp_other' });
    assert.equal(unknown.error?.code, 'previous_response_not_found');
  });
});

describe('a history that no provider takes', () => {
  const call = { id: 'c1', type: 'function', function: { name: 'bash', arguments: '{}' } };
  const histories = {
    'a call without its result': ['missing', [user('go'), { role: 'assistant', tool_calls: [call] }, user('well?')]],
    'a result without its call': ['stray', [user('go'), { role: 'tool', tool_call_id: 'c1', content: 'x' }]],
  } as const;
  for (const [what, [, messages]] of Object.entries(histories)) {
    test(`is refused over chat completions: ${what}`, async (t) => {
      const { url } = await serveScript(t, [{ text: 'x' }, { text: 'y' }]);
      assert.match((await chat(url, messages)) ?? '', /tool_call_id.* c1/);
    });
  }

  test('is refused over Messages: calls without results, results without calls, and empty texts', async (t) => {
    const { url } = await serveScript(t, [{ text: 'x' }, { text: 'y' }]);
    const use = { role: 'assistant', content: [{ type: 'tool_use', id: 't1', name: 'bash', input: {} }] };
    const result = { role: 'user', content: [{ type: 'tool_result', tool_use_id: 't2', content: 'x' }] };
    const ask = async (...messages: readonly unknown[]): Promise<string> => {
      const answer = await post(`${url}/v1/messages`, { model: 'm', max_tokens: 10, messages });
      return `${answer.status} ${await answer.text()}`;
    };
    assert.match(
      await ask(user('go'), use, user('well?')),
      /^400 .*`tool_use` ids were found without `tool_result`.* t1/,
    );
    assert.match(
      await ask(user('go'), use, result),
      /^400 .*unexpected `tool_use_id` found in `tool_result` blocks: t2/,
    );
    assert.match(await ask({ role: 'user', content: [{ type: 'text', text: '' }] }), /^400 .*must be non-empty/);
  });

  test('is refused over Responses: outputs without calls', async (t) => {
    const { url } = await serveScript(t, [{ text: 'x' }]);
    const input = [
      { role: 'user', content: 'go' },
      { type: 'function_call_output', call_id: 'c1', output: 'x' },
    ];
    const answer = await post(`${url}/responses`, { model: 'm', input });
    assert.match(await answer.text(), /No tool call found for function call output with call_id c1/);
  });
});
