import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ModelCallError, type ModelCallFault } from '../../src/core/model-call-error.ts';
import type { Model } from '../../src/models/model.ts';
import { createModels, type ModelsOptions } from '../../src/models/models.ts';
import { requestOf, settingsAt } from './model-calls.ts';
import { beginStream, type RawAnswer, sendData, startRawProvider } from './raw-provider.ts';

const CHAT = 'openai-compatible/local';
const MODELS = [CHAT, 'openai/gpt-6-sol', 'anthropic/claude-sonnet-5'];

const modelAt = (url: string, id = CHAT, options: Partial<ModelsOptions> = {}): Model =>
  createModels({ settings: settingsAt(url), ...options }).resolve(id);

const piece = (content: string, finish: string | null = null): unknown => ({
  id: 'c1',
  created: 1,
  model: 'local',
  choices: [{ index: 0, delta: { content }, finish_reason: finish }],
});

const failsWith = async (
  answer: RawAnswer,
  expected: { readonly fault: ModelCallFault; readonly message: RegExp },
  { id, ...options }: Partial<ModelsOptions> & { readonly id?: string } = {},
): Promise<void> => {
  await using provider = await startRawProvider(answer);
  await assert.rejects(modelAt(provider.url, id, options).call(requestOf().request), (error) => {
    assert.ok(error instanceof ModelCallError, String(error));
    assert.equal(error.fault, expected.fault, error.message);
    assert.match(error.message, expected.message);
    return true;
  });
};

test('a connection that is cut within the answer has interrupted it', async () => {
  await failsWith(
    (response) => {
      beginStream(response);
      sendData(response, piece('hel'));
      response.write(': flushed\n\n', () => response.destroy());
    },
    { fault: 'interrupted', message: /^Provider "openai-compatible" closed the connection before the answer ended/ },
  );
});

for (const id of MODELS) {
  test(`a stream of ${id} that ends properly before the answer did has interrupted it`, async () => {
    await failsWith(
      (response) => {
        beginStream(response);
        response.end();
      },
      { fault: 'interrupted', message: /stream/ },
      { id },
    );
  });

  test(`a provider of ${id} that never answers is given up on after the idle time`, async () => {
    await failsWith(
      () => undefined,
      { fault: 'interrupted', message: /sent nothing for 0\.1 s/ },
      { id, idleTimeoutMs: 100 },
    );
  });
}

test('an answer that stops growing is given up on after the idle time', async () => {
  await failsWith(
    (response) => {
      beginStream(response);
      sendData(response, piece('hel'));
    },
    { fault: 'interrupted', message: /sent nothing for 0\.1 s/ },
    { idleTimeoutMs: 100 },
  );
});

test('what is no JSON within a stream has interrupted it', async () => {
  await failsWith(
    (response) => {
      beginStream(response);
      response.end('data: {"id": \n\n');
    },
    { fault: 'interrupted', message: /the stream broke/ },
  );
});

test('an error that the provider reports within a stream has its own fault', async () => {
  await failsWith(
    (response) => {
      beginStream(response);
      sendData(response, piece('hel'));
      sendData(response, { error: { message: 'The server is overloaded', type: 'server_error', code: null } });
      response.end();
    },
    { fault: 'unavailable', message: /cannot answer for "local" now: The server is overloaded/ },
  );
});

test('a redirect is not followed, so that no key goes elsewhere', async () => {
  await using other = await startRawProvider((response) => response.end());
  await failsWith(
    (response) => response.writeHead(307, { location: `${other.url}/v1/messages` }).end(),
    { fault: 'bad_request', message: /\(307\)/ },
    { id: 'anthropic/claude-sonnet-5' },
  );
  assert.deepEqual(other.requests, []);
});

test('a page of HTML in place of an answer is a fault with words', async () => {
  await failsWith((response) => response.writeHead(404, { 'content-type': 'text/html' }).end('<html>no</html>'), {
    fault: 'unknown_model',
    message: /does not know the model "local" \(404\)/,
  });
});

test('a server that nobody listens on is unavailable, and the message says where', async () => {
  const provider = await startRawProvider(() => undefined);
  await provider[Symbol.asyncDispose]();
  await assert.rejects(
    modelAt(provider.url).call(requestOf().request),
    (error) =>
      error instanceof ModelCallError &&
      error.fault === 'unavailable' &&
      /cannot be reached: .*ECONNREFUSED/.test(error.message),
  );
});

for (const id of MODELS) {
  test(`an abort before ${id} answers rejects with the reason and closes the connection`, async () => {
    const aborter = new AbortController();
    const reason = new Error('canceled by the client');
    const closed = Promise.withResolvers<undefined>();
    await using provider = await startRawProvider((response) => {
      response.on('close', () => closed.resolve(undefined));
      aborter.abort(reason);
    });
    const { request } = requestOf({ signal: aborter.signal });
    await assert.rejects(modelAt(provider.url, id).call(request), (error) => error === reason);
    await closed.promise;
  });
}

test('an abort within the answer rejects with the reason and closes the connection', async () => {
  const aborter = new AbortController();
  const reason = new Error('canceled by the client');
  const closed = Promise.withResolvers<undefined>();
  await using provider = await startRawProvider((response) => {
    response.on('close', () => closed.resolve(undefined));
    beginStream(response);
    sendData(response, piece('hel'));
  });
  const { request } = requestOf({ signal: aborter.signal, onDelta: () => aborter.abort(reason) });
  await assert.rejects(modelAt(provider.url).call(request), (error) => error === reason);
  await closed.promise;
});

test('a call whose signal is already aborted asks nobody', async () => {
  await using provider = await startRawProvider((response) => response.end());
  const reason = new Error('too late');
  const { request } = requestOf({ signal: AbortSignal.abort(reason) });
  await assert.rejects(modelAt(provider.url).call(request), (error) => error === reason);
  assert.deepEqual(provider.requests, []);
});

test('an error of the caller within onDelta comes out as it is and closes the connection', async () => {
  const closed = Promise.withResolvers<undefined>();
  const defect = new Error('the journal is gone');
  await using provider = await startRawProvider((response) => {
    response.on('close', () => closed.resolve(undefined));
    beginStream(response);
    sendData(response, piece('hel'));
  });
  const onDelta = (): never => {
    throw defect;
  };
  await assert.rejects(modelAt(provider.url).call(requestOf({ onDelta }).request), (error) => error === defect);
  await closed.promise;
});

test('an answer much larger than the buffers arrives whole', async () => {
  const words = 'word '.repeat(2000);
  await using provider = await startRawProvider((response) => {
    beginStream(response);
    for (let index = 0; index < 200; index += 1) sendData(response, piece(words));
    sendData(response, piece('', 'stop'));
    response.end('data: [DONE]\n\n');
  });
  const { text, finish } = await modelAt(provider.url).call(requestOf().request);
  assert.equal(text.length, 200 * words.length);
  assert.equal(finish, 'stop');
});

test('an answer without token counts has no usage and no cost, and neither is zero', async () => {
  await using provider = await startRawProvider((response) => {
    beginStream(response);
    sendData(response, piece('hello', 'stop'));
    response.end('data: [DONE]\n\n');
  });
  const answer = await modelAt(provider.url, CHAT, {
    priceOverrides: { [CHAT]: { input_mtok: 1, output_mtok: 1 } },
  }).call(requestOf().request);
  assert.equal(answer.usage, null);
  assert.equal(answer.costMicros, null);
});
