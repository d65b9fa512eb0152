import { readAnthropicPrompt } from './anthropic-prompt.ts';
import { newId } from './new-id.ts';
import { bearerKey } from './openai-error.ts';
import { WireError } from './wire-error.ts';
import type { Answer, Frame, Pieces, WireFormat } from './wire-format.ts';

/** Anthropic's Messages API. */
export const anthropicMessages: WireFormat = {
  name: 'anthropic-messages',
  path: '/messages',
  keyOf: (headers) => {
    const key = headers['x-api-key'];
    return typeof key === 'string' ? key : bearerKey(headers);
  },
  readPrompt: readAnthropicPrompt,
  answer: (answer) => ({
    ...messageOf(answer),
    content: wholeContent(answer),
    stop_reason: STOP_REASONS[answer.finish],
    usage: { ...inputUsage(answer), ...outputUsage(answer) },
  }),
  stream,
  error: errorOf,
  streamError: (error) => frame('error', errorOf(error)),
  contextOverflow: ({ characters }) =>
    new WireError(400, `prompt is too long: ${Math.max(200_001, Math.ceil(characters / 4))} tokens > 200000 maximum`),
  headers: (requestId) => ({ 'request-id': requestId }),
};

const STOP_REASONS = {
  stop: 'end_turn',
  tool_calls: 'tool_use',
  length: 'max_tokens',
  content_filter: 'refusal',
} as const;

const ERROR_TYPES: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  402: 'billing_error',
  403: 'permission_error',
  404: 'not_found_error',
  413: 'request_too_large',
  429: 'rate_limit_error',
  504: 'timeout_error',
  529: 'overloaded_error',
};

function errorOf({ status, message, code }: WireError): Readonly<Record<string, unknown>> {
  const type = code ?? ERROR_TYPES[status] ?? (status >= 500 ? 'api_error' : 'invalid_request_error');
  return { type: 'error', error: { type, message }, request_id: newId('req_') };
}

const frame = (event: string, data: object, options: Partial<Pick<Frame, 'characters' | 'isEnd'>> = {}): Frame => ({
  event,
  data: JSON.stringify({ type: event, ...data }),
  characters: options.characters ?? 0,
  isEnd: options.isEnd ?? false,
});

const messageOf = ({ model }: Answer): Readonly<Record<string, unknown>> => ({
  id: newId('msg_'),
  type: 'message',
  role: 'assistant',
  model,
  content: [],
  stop_reason: null,
  stop_sequence: null,
});

/** Anthropic counts what came from or went to its cache apart from the rest of the input. */
const inputUsage = ({ estimatedUsage: usage }: Answer): Readonly<Record<string, unknown>> => ({
  input_tokens: usage.inputTokens - usage.cacheReadTokens - usage.cacheWriteTokens,
  cache_creation_input_tokens: usage.cacheWriteTokens,
  cache_read_input_tokens: usage.cacheReadTokens,
  cache_creation: { ephemeral_5m_input_tokens: usage.cacheWriteTokens, ephemeral_1h_input_tokens: 0 },
  service_tier: 'standard',
});

const outputUsage = ({ estimatedUsage: usage }: Answer): Readonly<Record<string, unknown>> => ({
  output_tokens: usage.outputTokens,
  ...(usage.reasoningTokens === 0 ? {} : { output_tokens_details: { thinking_tokens: usage.reasoningTokens } }),
});

const wholeContent = ({ reasoning, text, toolCalls }: Answer): readonly unknown[] => [
  ...(reasoning === '' ? [] : [{ type: 'thinking', thinking: reasoning, signature: signature() }]),
  ...(text === '' ? [] : [{ type: 'text', text }]),
  ...toolCalls.map(({ name, rawInput }) => ({ type: 'tool_use', id: newId('toolu_'), name, input: parsed(rawInput) })),
];

/** A whole answer holds the input as JSON; text that is none can only be sent as a string there. */
const parsed = (rawInput: string): unknown => {
  try {
    return JSON.parse(rawInput);
  } catch {
    // The script wants a broken input.
    return rawInput;
  }
};

/** Opaque to clients, which send it back as it is. */
const signature = (): string => Buffer.from(newId('scripted')).toString('base64');

function* stream(answer: Answer, pieces: Pieces): Iterable<Frame> {
  const { reasoning, text, toolCalls, finish } = answer;
  yield frame('message_start', {
    message: { ...messageOf(answer), usage: { ...inputUsage(answer), output_tokens: 1 } },
  });
  yield frame('ping', {});
  let index = 0;
  const start = (content_block: object): Frame => frame('content_block_start', { index, content_block });
  const delta = (part: object, characters = 0): Frame =>
    frame('content_block_delta', { index, delta: part }, { characters });
  const stop = (): Frame => frame('content_block_stop', { index: index++ });
  if (reasoning !== '') {
    yield start({ type: 'thinking', thinking: '', signature: '' });
    for (const piece of pieces(reasoning)) yield delta({ type: 'thinking_delta', thinking: piece }, piece.length);
    yield delta({ type: 'signature_delta', signature: signature() });
    yield stop();
  }
  if (text !== '') {
    yield start({ type: 'text', text: '' });
    for (const piece of pieces(text)) yield delta({ type: 'text_delta', text: piece }, piece.length);
    yield stop();
  }
  for (const { name, rawInput } of toolCalls) {
    yield start({ type: 'tool_use', id: newId('toolu_'), name, input: {} });
    yield delta({ type: 'input_json_delta', partial_json: '' });
    for (const piece of pieces(rawInput)) yield delta({ type: 'input_json_delta', partial_json: piece }, piece.length);
    yield stop();
  }
  const usage = { ...inputUsage(answer), ...outputUsage(answer) };
  yield frame(
    'message_delta',
    { delta: { stop_reason: STOP_REASONS[finish], stop_sequence: null }, usage },
    { isEnd: true },
  );
  yield frame('message_stop', {}, { isEnd: true });
}
