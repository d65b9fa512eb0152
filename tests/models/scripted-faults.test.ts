import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { APICallError, generateText, streamText } from 'ai';
import { CLIENT_NAMES, CLIENTS, type ClientName, post, serveScript } from './scripted-clients.ts';

/** The error that a call ends with. */
const failure = async (name: ClientName, url: string, apiKey?: string): Promise<APICallError> => {
  const model = CLIENTS[name](url, apiKey);
  const error: unknown = await generateText({ model, prompt: 'go', maxRetries: 0 }).then(
    () => null,
    (reason: unknown) => reason,
  );
  assert.ok(APICallError.isInstance(error), String(error));
  return error;
};

/** What a stream gave before it failed, and the error. */
const brokenStream = async (name: ClientName, url: string): Promise<{ text: string; errors: readonly unknown[] }> => {
  const errors: unknown[] = [];
  const result = streamText({ model: CLIENTS[name](url), prompt: 'go', maxRetries: 0, onError: () => {} });
  let text = '';
  try {
    for await (const part of result.fullStream) {
      if (part.type === 'text-delta') text += part.text;
      if (part.type === 'error') errors.push(part.error);
    }
  } catch (error) {
    errors.push(error);
  }
  return { text, errors };
};

const kindOf = ({ responseBody = '' }: APICallError): readonly unknown[] => {
  const { error } = JSON.parse(responseBody) as { error: { type: string; code?: string | null } };
  return [error.type, error.code];
};

const serveFaults = async (t: TestContext, ...faults: readonly object[]): ReturnType<typeof serveScript> =>
  await serveScript(t, [{ text: 'x'.repeat(100), chunkCharacters: 30, faults }]);

for (const name of CLIENT_NAMES) {
  const isAnthropic = name === 'anthropic';
  describe(`a fault of the script through the client ${name}`, () => {
    test('is served at the first tries, in order, and then the turn succeeds', async (t) => {
      const server = await serveFaults(t, { status: 429, retryAfterSeconds: 2 }, { status: 500 });
      const limited = await failure(name, server.url);
      assert.deepEqual([limited.statusCode, limited.isRetryable], [429, true]);
      assert.equal(limited.responseHeaders?.['retry-after'], '2');
      assert.deepEqual(
        kindOf(limited),
        isAnthropic ? ['rate_limit_error', undefined] : ['requests', 'rate_limit_exceeded'],
      );
      const failed = await failure(name, server.url);
      assert.deepEqual([failed.statusCode, failed.isRetryable], [500, true]);
      assert.deepEqual(kindOf(failed), isAnthropic ? ['api_error', undefined] : ['server_error', null]);
      const { text } = await generateText({ model: CLIENTS[name](server.url), prompt: 'go', maxRetries: 0 });
      assert.equal(text.length, 100);
      assert.deepEqual(
        server.requests.map(({ result, fault, status }) => [result, fault, status]),
        [
          ['fault', 'status 429', 429],
          ['fault', 'status 500', 500],
          ['answered', null, 200],
        ],
      );
    });

    test('that is a refused key looks like one of the provider', async (t) => {
      const server = await serveFaults(t, { status: 401 });
      const error = await failure(name, server.url);
      assert.equal(error.statusCode, 401);
      assert.deepEqual(
        kindOf(error),
        isAnthropic ? ['authentication_error', undefined] : ['invalid_request_error', 'invalid_api_key'],
      );
    });

    test('says that the prompt is too long in the words of the provider', async (t) => {
      const server = await serveFaults(t, { contextOverflow: true });
      const error = await failure(name, server.url);
      assert.equal(error.statusCode, 400);
      if (isAnthropic) assert.match(error.message, /^prompt is too long: \d+ tokens > \d+ maximum$/);
      else assert.deepEqual(kindOf(error), ['invalid_request_error', 'context_length_exceeded']);
    });

    test('has the code and the message that the script gives it', async (t) => {
      const server = await serveFaults(t, { status: 402, code: 'no_money', message: 'Pay first.' });
      const error = await failure(name, server.url);
      assert.equal(error.message, 'Pay first.');
      assert.ok(kindOf(error).includes('no_money'));
    });

    test('cuts a stream after exactly so many characters, which is an error at the client', async (t) => {
      const server = await serveFaults(t, { cutAfterCharacters: 40 });
      const { text, errors } = await brokenStream(name, server.url);
      assert.equal(text, 'x'.repeat(40));
      assert.equal(errors.length, 1);
      assert.deepEqual(
        server.requests.map(({ result, fault, clientLeft }) => [result, fault, clientLeft]),
        [['fault', 'cut after 40 characters', false]],
      );
      assert.deepEqual(await brokenStream(name, server.url), { text: 'x'.repeat(100), errors: [] });
    });

    test('cuts a stream that is shorter before its end', async (t) => {
      const server = await serveFaults(t, { cutAfterCharacters: 5000 });
      const { text, errors } = await brokenStream(name, server.url);
      assert.deepEqual([text, errors.length], ['x'.repeat(100), 1]);
    });

    test('cuts a whole answer', async (t) => {
      const server = await serveFaults(t, { cutAfterCharacters: 40 });
      await assert.rejects(generateText({ model: CLIENTS[name](server.url), prompt: 'go', maxRetries: 0 }));
    });

    test('is an error in the middle of a stream', async (t) => {
      const server = await serveFaults(t, { errorAfterCharacters: 10, message: 'Overloaded' });
      const { text, errors } = await brokenStream(name, server.url);
      assert.equal(text, 'x'.repeat(10));
      assert.match(JSON.stringify(errors), /Overloaded/);
    });

    for (const fault of [{ hang: true }, { hangAfterCharacters: 10 }]) {
      test(`${JSON.stringify(fault)} waits until the client leaves, and the log says so`, async (t) => {
        const server = await serveFaults(t, fault);
        const abort = new AbortController();
        const model = CLIENTS[name](server.url);
        const result = streamText({ model, prompt: 'go', maxRetries: 0, abortSignal: abort.signal, onError: () => {} });
        const ended = result.consumeStream();
        await server.waitFor((request) => request.fault !== null);
        abort.abort();
        await ended;
        const left = await server.waitFor((request) => request.result !== 'open');
        assert.deepEqual([left.result, left.clientLeft], ['fault', true]);
      });
    }

    test('lets in only the key that the script requires', async (t) => {
      const script = { requiredKey: 'right', conversations: [{ name: 'a', turns: [{ text: 'in' }] }] };
      const server = await serveScript(t, script);
      const error = await failure(name, server.url, 'wrong');
      assert.deepEqual(
        [error.statusCode, ...kindOf(error)],
        isAnthropic ? [401, 'authentication_error', undefined] : [401, 'invalid_request_error', 'invalid_api_key'],
      );
      const { text } = await generateText({ model: CLIENTS[name](server.url, 'right'), prompt: 'go' });
      assert.equal(text, 'in');
      assert.doesNotMatch(JSON.stringify(server.requests), /wrong|right/);
      assert.deepEqual(
        server.requests.map(({ hadKey, result }) => [hadKey, result]),
        [
          [true, 'refused'],
          [true, 'answered'],
        ],
      );
    });

    test('does not know a model that the script does not list', async (t) => {
      const server = await serveScript(t, {
        models: ['other'],
        conversations: [{ name: 'a', turns: [{ text: 'x' }] }],
      });
      const error = await failure(name, server.url);
      assert.deepEqual(
        [error.statusCode, ...kindOf(error)],
        isAnthropic ? [404, 'not_found_error', undefined] : [404, 'invalid_request_error', 'model_not_found'],
      );
    });
  });
}

test('tries are counted for each history of its own', async (t) => {
  const server = await serveFaults(t, { status: 500 });
  const ask = async (text: string): Promise<number> =>
    (await post(`${server.url}/chat/completions`, { model: 'm', messages: [{ role: 'user', content: text }] })).status;
  assert.deepEqual([await ask('one'), await ask('two'), await ask('one'), await ask('two')], [500, 500, 200, 200]);
});

test('stop() ends hanging requests and slow streams, and may be called twice', async (t) => {
  const server = await serveScript(t, {
    conversations: [
      { name: 'hang', when: { contains: 'hang' }, turns: [{ faults: [{ hang: true }] }] },
      { name: 'slow', turns: [{ text: 'slow', tokenDelayMs: 3_600_000 }] },
    ],
  });
  const ask = async (text: string): Promise<string> => {
    const body = { model: 'm', stream: true, messages: [{ role: 'user', content: text }] };
    return await (await post(`${server.url}/chat/completions`, body)).text();
  };
  const asked = Promise.allSettled([ask('hang'), ask('wait')]);
  await server.waitFor(({ fault }) => fault === 'hang');
  await server.waitFor(({ conversation }) => conversation === 'slow');
  await Promise.all([server.stop(), server.stop()]);
  assert.deepEqual(
    (await asked).map(({ status }) => status),
    ['rejected', 'rejected'],
  );
  assert.deepEqual(
    new Map(server.requests.map(({ conversation, ...end }) => [conversation, [end.result, end.clientLeft]])),
    new Map([
      ['hang', ['fault', false]],
      ['slow', ['abandoned', false]],
    ]),
  );
});
