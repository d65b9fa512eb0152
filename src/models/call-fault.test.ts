import assert from 'node:assert/strict';
import { test } from 'node:test';
import { APICallError, InvalidPromptError, JSONParseError } from 'ai';
import { ModelCallError, type ModelCallFault } from '../core/model-call-error.ts';
import { callFault, type FaultContext } from './call-fault.ts';

const context: FaultContext = {
  provider: 'openai',
  model: 'gpt-6-sol',
  keyVariable: 'OPENAI_API_KEY',
  key: 'secret-key-0123456789',
  idleTimeoutMs: 300_000,
};

const answer = (
  statusCode: number,
  body: string,
  options: { readonly message?: string; readonly headers?: Record<string, string> } = {},
): APICallError =>
  new APICallError({
    message: options.message ?? body,
    url: 'http://localhost/v1/responses',
    requestBodyValues: { input: 'private words' },
    statusCode,
    responseBody: body,
    responseHeaders: options.headers ?? {},
  });

const faultOf = (error: unknown): ModelCallError => {
  const fault = callFault(error, context);
  assert.ok(fault instanceof ModelCallError, String(fault));
  return fault;
};

const STATUSES: readonly (readonly [number, string, ModelCallFault])[] = [
  [400, 'Unsupported parameter', 'bad_request'],
  [401, 'Incorrect API key provided', 'unauthorized'],
  [402, 'Payment required', 'bad_request'],
  [403, 'Your request was blocked', 'unauthorized'],
  [404, 'The model does not exist', 'unknown_model'],
  [400, '{"error":{"code":"model_not_found"}}', 'unknown_model'],
  [
    400,
    '{"error":{"status":"INVALID_ARGUMENT","message":"API key not valid. Please pass a valid API key."}}',
    'unauthorized',
  ],
  [408, 'Request timeout', 'unavailable'],
  [409, 'Conflict', 'bad_request'],
  [413, 'Request too large', 'context_overflow'],
  [422, 'Unprocessable', 'bad_request'],
  [429, 'Slow down', 'rate_limited'],
  [429, '{"error":{"code":"insufficient_quota","message":"You exceeded your current quota"}}', 'bad_request'],
  [400, 'Your credit balance is too low to access the Anthropic API', 'bad_request'],
  [500, 'Internal error', 'unavailable'],
  [503, 'Service unavailable', 'unavailable'],
  [529, 'Overloaded', 'unavailable'],
  [301, 'Moved', 'bad_request'],
];

for (const [status, body, expected] of STATUSES) {
  test(`${status} with "${body.slice(0, 60)}" is ${expected}`, () => {
    assert.equal(faultOf(answer(status, body)).fault, expected);
  });
}

const OVERFLOWS = {
  OpenAI:
    '{"error":{"message":"Your input exceeds the context window of this model.","code":"context_length_exceeded"}}',
  'OpenAI chat':
    "This model's maximum context length is 128000 tokens. However, your messages resulted in 130000 tokens.",
  Anthropic:
    '{"error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens > 200000 maximum"}}',
  'Anthropic with output': 'input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000',
  Google: 'The input token count (1200000) exceeds the maximum number of tokens allowed (1048576).',
  'llama.cpp':
    '{"error":{"code":400,"message":"the request exceeds the available context size, try increasing it","type":"exceed_context_size_error"}}',
  vLLM: "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens",
};

for (const [provider, body] of Object.entries(OVERFLOWS)) {
  test(`the words of ${provider} for a prompt that does not fit are understood`, () => {
    assert.equal(faultOf(answer(400, body)).fault, 'context_overflow');
  });
}

test('a refused key names the provider, the status and the setting', () => {
  const { message } = faultOf(answer(401, 'Incorrect API key provided.'));
  assert.equal(message, 'Provider "openai" refused the API key (401): Incorrect API key provided. Set OPENAI_API_KEY.');
});

test('a message repeats no key, whole or in the masked form of OpenAI', () => {
  const text = `Incorrect API key provided: ${context.key} or sk-proj-abcd****wxyz`;
  const fault = faultOf(answer(401, text));
  assert.ok(!fault.message.includes(context.key ?? ''));
  assert.doesNotMatch(fault.message, /abcd|wxyz/);
});

test('a key stays hidden where a long message is cut', () => {
  for (let padding = 380; padding < 500; padding += 1) {
    const { message } = faultOf(answer(401, `${'x'.repeat(padding)} ${context.key}`));
    assert.doesNotMatch(message, /secret/);
  }
});

test('an error keeps neither the conversation nor the request', () => {
  const fault = faultOf(answer(500, 'Internal error'));
  assert.ok(!JSON.stringify(fault, Object.getOwnPropertyNames(fault)).includes('private words'));
  assert.equal(fault.cause, undefined);
});

test('what the provider asks for with Retry-After is kept', () => {
  assert.equal(faultOf(answer(429, 'Slow down', { headers: { 'retry-after': '12' } })).retryAfterMs, 12_000);
  assert.equal(faultOf(answer(529, 'Overloaded', { headers: { 'retry-after-ms': '250' } })).retryAfterMs, 250);
  assert.equal(faultOf(answer(429, 'Slow down')).retryAfterMs, null);
});

test('a server that cannot be reached is unavailable, one that hangs up or goes silent has interrupted', () => {
  const network = (code: string): Error =>
    new TypeError('fetch failed', { cause: Object.assign(new Error(code), { code }) });
  for (const code of [
    'ECONNREFUSED',
    'ENOTFOUND',
    'EAI_AGAIN',
    'ETIMEDOUT',
    'UND_ERR_CONNECT_TIMEOUT',
    'EHOSTUNREACH',
  ]) {
    assert.equal(faultOf(network(code)).fault, 'unavailable', code);
  }
  for (const code of ['ECONNRESET', 'UND_ERR_SOCKET', 'UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT']) {
    assert.equal(faultOf(network(code)).fault, 'interrupted', code);
  }
});

test('a garbled stream has interrupted, a request that the SDK refuses is bad', () => {
  assert.equal(faultOf(new JSONParseError({ text: '{', cause: new Error('end') })).fault, 'interrupted');
  assert.equal(
    faultOf(new InvalidPromptError({ prompt: [], message: 'messages must not be empty' })).fault,
    'bad_request',
  );
});

test('an error of kazi itself is not taken for one of the provider', () => {
  const defect = new TypeError('onDelta is broken');
  assert.equal(callFault(defect, context), defect);
});
