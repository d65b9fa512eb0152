import type { TokenUsage } from '../../core/model-call.ts';
import { newId } from './new-id.ts';
import { bearerKey, openaiError } from './openai-error.ts';
import { readResponsesPrompt } from './responses-prompt.ts';
import { WireError } from './wire-error.ts';
import type { Answer, Frame, Pieces, WireFormat } from './wire-format.ts';

type Properties = Readonly<Record<string, unknown>>;

/** OpenAI's Responses API. */
export const openaiResponses: WireFormat = {
  name: 'openai-responses',
  path: '/responses',
  keyOf: bearerKey,
  readPrompt: readResponsesPrompt,
  answer: (answer) =>
    finished(
      answer,
      responseOf(answer),
      outputOf(answer).map(({ whole }) => whole),
    ),
  stream,
  error: openaiError,
  streamError: ({ message, code }) => {
    // The `error` event of the API reference: its fields stand at the top, without an envelope.
    const data = { type: 'error', sequence_number: 0, code: code ?? 'server_error', message, param: null };
    return { event: 'error', data: JSON.stringify(data), characters: 0, isEnd: false };
  },
  contextOverflow: () =>
    new WireError(400, 'Your input exceeds the context window of this model. Please adjust your input and try again.', {
      code: 'context_length_exceeded',
    }),
  headers: (requestId) => ({ 'x-request-id': requestId }),
};

const responseOf = ({ turnKey, model, createdAt }: Answer): Properties => ({
  id: newId(`resp_${turnKey}`),
  object: 'response',
  created_at: createdAt,
  status: 'in_progress',
  background: false,
  error: null,
  incomplete_details: null,
  instructions: null,
  metadata: {},
  model,
  output: [],
  parallel_tool_calls: true,
  previous_response_id: null,
  reasoning: { effort: null, summary: null },
  service_tier: 'default',
  store: true,
  temperature: 1,
  text: { format: { type: 'text' } },
  tool_choice: 'auto',
  tools: [],
  top_p: 1,
  truncation: 'disabled',
  usage: null,
});

const finished = ({ finish, usage }: Answer, response: Properties, output: readonly Properties[]): Properties => {
  const reason = finish === 'length' ? 'max_output_tokens' : finish === 'content_filter' ? 'content_filter' : null;
  return {
    ...response,
    status: reason === null ? 'completed' : 'incomplete',
    incomplete_details: reason === null ? null : { reason },
    output,
    usage: usage === null ? null : usageOf(usage),
  };
};

const usageOf = (usage: TokenUsage): Properties => ({
  input_tokens: usage.inputTokens,
  input_tokens_details: {
    cached_tokens: usage.cacheReadTokens,
    ...(usage.cacheWriteTokens === 0 ? {} : { cache_write_tokens: usage.cacheWriteTokens }),
  },
  output_tokens: usage.outputTokens,
  output_tokens_details: { reasoning_tokens: usage.reasoningTokens },
  total_tokens: usage.inputTokens + usage.outputTokens,
});

/** One item of the output: as it is announced, the events that fill it, and as it is in the end. */
interface OutputItem {
  readonly announced: Properties;
  readonly fill: (pieces: Pieces) => Iterable<ItemEvent>;
  readonly whole: Properties;
}

interface ItemEvent {
  readonly type: string;
  readonly properties: Properties;
  readonly characters?: number;
}

const outputOf = (answer: Answer): readonly OutputItem[] => [
  ...(answer.reasoning === '' ? [] : [reasoningItem(answer)]),
  ...(answer.text === '' ? [] : [messageItem(answer)]),
  ...answer.toolCalls.map(callItem),
];

const reasoningItem = ({ reasoning, wants }: Answer): OutputItem => {
  const id = newId('rs_');
  const part = { type: 'summary_text', text: reasoning };
  const shared = {
    id,
    type: 'reasoning',
    ...(wants.encryptedReasoning ? { encrypted_content: Buffer.from(newId('scripted')).toString('base64') } : {}),
  };
  const at = { item_id: id, summary_index: 0 };
  return {
    announced: { ...shared, summary: [] },
    *fill(pieces) {
      const empty = { ...part, text: '' };
      yield { type: 'response.reasoning_summary_part.added', properties: { ...at, part: empty } };
      for (const delta of pieces(reasoning)) {
        const properties = { ...at, delta };
        yield { type: 'response.reasoning_summary_text.delta', properties, characters: delta.length };
      }
      yield { type: 'response.reasoning_summary_text.done', properties: { ...at, text: reasoning } };
      yield { type: 'response.reasoning_summary_part.done', properties: { ...at, part } };
    },
    whole: { ...shared, summary: [part] },
  };
};

const messageItem = ({ text, finish }: Answer): OutputItem => {
  const id = newId('msg_');
  const part = { type: 'output_text', text, annotations: [], logprobs: [] };
  const at = { item_id: id, content_index: 0 };
  const status = finish === 'length' || finish === 'content_filter' ? 'incomplete' : 'completed';
  return {
    announced: { id, type: 'message', status: 'in_progress', role: 'assistant', content: [] },
    *fill(pieces) {
      yield { type: 'response.content_part.added', properties: { ...at, part: { ...part, text: '' } } };
      for (const delta of pieces(text)) {
        const properties = { ...at, delta, logprobs: [] };
        yield { type: 'response.output_text.delta', properties, characters: delta.length };
      }
      yield { type: 'response.output_text.done', properties: { ...at, text, logprobs: [] } };
      yield { type: 'response.content_part.done', properties: { ...at, part } };
    },
    whole: { id, type: 'message', status, role: 'assistant', content: [part] },
  };
};

const callItem = ({ name, rawInput }: Answer['toolCalls'][number]): OutputItem => {
  const id = newId('fc_');
  const shared = { id, type: 'function_call', call_id: newId('call_'), name };
  return {
    announced: { ...shared, status: 'in_progress', arguments: '' },
    *fill(pieces) {
      for (const delta of pieces(rawInput)) {
        const properties = { item_id: id, delta };
        yield { type: 'response.function_call_arguments.delta', properties, characters: delta.length };
      }
      yield { type: 'response.function_call_arguments.done', properties: { item_id: id, name, arguments: rawInput } };
    },
    whole: { ...shared, status: 'completed', arguments: rawInput },
  };
};

function* stream(answer: Answer, pieces: Pieces): Iterable<Frame> {
  let sequence = 0;
  const frame = ({ type, properties, characters = 0 }: ItemEvent, isEnd = false): Frame => ({
    event: type,
    data: JSON.stringify({ type, sequence_number: sequence++, ...properties }),
    characters,
    isEnd,
  });
  const response = responseOf(answer);
  yield frame({ type: 'response.created', properties: { response } });
  yield frame({ type: 'response.in_progress', properties: { response } });
  const items = outputOf(answer);
  for (const [output_index, { announced, fill, whole }] of items.entries()) {
    yield frame({ type: 'response.output_item.added', properties: { output_index, item: announced } });
    for (const { properties, ...event } of fill(pieces)) {
      yield frame({ ...event, properties: { output_index, ...properties } });
    }
    yield frame({ type: 'response.output_item.done', properties: { output_index, item: whole } });
  }
  const whole = finished(
    answer,
    response,
    items.map((item) => item.whole),
  );
  yield frame({ type: `response.${String(whole['status'])}`, properties: { response: whole } }, true);
}
