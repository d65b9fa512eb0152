import { z } from 'zod';
import { checkToolResults } from './check-tool-results.ts';
import { newId } from './new-id.ts';
import { bearerKey, openaiError, openaiToolFault } from './openai-error.ts';
import { parseBody } from './parse-body.ts';
import type { Prompt, PromptEntry } from './prompt.ts';
import { WireError } from './wire-error.ts';
import type { Answer, Frame, Pieces, WireFormat } from './wire-format.ts';

const content = z.union([z.string(), z.array(z.looseObject({ type: z.string(), text: z.string().optional() }))]);
const message = z.discriminatedUnion('role', [
  z.looseObject({ role: z.enum(['system', 'developer']), content }),
  z.looseObject({ role: z.literal('user'), content }),
  z.looseObject({
    role: z.literal('assistant'),
    content: content.nullish(),
    tool_calls: z
      .array(z.looseObject({ id: z.string(), function: z.looseObject({ name: z.string(), arguments: z.string() }) }))
      .nullish(),
  }),
  z.looseObject({ role: z.literal('tool'), content, tool_call_id: z.string() }),
]);
type Message = z.infer<typeof message>;
const body = z.looseObject({
  model: z.string(),
  messages: z.array(message).min(1),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().optional() }).nullish(),
  tools: z.array(z.looseObject({ function: z.looseObject({ name: z.string() }).optional() })).nullish(),
});

/** OpenAI chat completions, as OpenAI, Ollama, vLLM and llama.cpp speak them. */
export const openaiChat: WireFormat = {
  name: 'openai-chat',
  path: '/chat/completions',
  keyOf: bearerKey,
  readPrompt: (json) => {
    const request = parseBody(body, json);
    const entries = request.messages.flatMap(toEntry);
    const fault = checkToolResults(entries);
    if (fault !== null) throw openaiToolFault(fault, 'chat');
    return {
      model: request.model,
      isStream: request.stream === true,
      system: request.messages.flatMap((one) => (isSystem(one) ? [textOf(one.content)] : [])).join('\n'),
      entries,
      toolNames: (request.tools ?? []).flatMap((tool) => tool.function?.name ?? []),
      messageCount: request.messages.length,
      characters: JSON.stringify([request.messages, request.tools]).length,
      wants: { streamUsage: request.stream_options?.include_usage === true, encryptedReasoning: false },
      after: null,
    } satisfies Prompt;
  },
  answer: (answer) => ({
    ...envelope(answer, 'chat.completion'),
    choices: [{ index: 0, message: wholeMessage(answer), logprobs: null, finish_reason: answer.finish }],
    usage: answer.usage === null ? null : usageOf(answer.usage),
  }),
  stream,
  error: openaiError,
  streamError: (error) => ({ event: null, data: JSON.stringify(openaiError(error)), characters: 0, isEnd: false }),
  contextOverflow: ({ characters }) =>
    new WireError(
      400,
      `This model's maximum context length is 8192 tokens. However, your messages resulted in ${Math.max(8193, Math.ceil(characters / 4))} tokens. Please reduce the length of the messages.`,
      { code: 'context_length_exceeded' },
    ),
  headers: (requestId) => ({ 'x-request-id': requestId }),
};

const isSystem = (one: Message): one is Extract<Message, { role: 'system' | 'developer' }> =>
  one.role === 'system' || one.role === 'developer';

const toEntry = (one: Message): readonly PromptEntry[] => {
  switch (one.role) {
    case 'user':
      return [{ role: 'user', text: textOf(one.content) }];
    case 'assistant':
      return [{ role: 'assistant', text: textOf(one.content), callIds: (one.tool_calls ?? []).map(({ id }) => id) }];
    case 'tool':
      return [{ role: 'tool', text: textOf(one.content), callId: one.tool_call_id }];
    default:
      return [];
  }
};

const textOf = (given: z.infer<typeof content> | null | undefined): string =>
  typeof given === 'string' ? given : (given ?? []).map(({ text = '' }) => text).join('\n');

const envelope = ({ model, createdAt }: Answer, object: string): Readonly<Record<string, unknown>> => ({
  id: newId('chatcmpl-'),
  object,
  created: createdAt,
  model,
  service_tier: 'default',
  system_fingerprint: 'fp_scripted',
});

const wholeMessage = ({ text, reasoning, toolCalls }: Answer): Readonly<Record<string, unknown>> => ({
  role: 'assistant',
  content: text === '' && toolCalls.length > 0 ? null : text,
  refusal: null,
  annotations: [],
  ...(reasoning === '' ? {} : { reasoning_content: reasoning }),
  ...(toolCalls.length === 0
    ? {}
    : {
        tool_calls: toolCalls.map(({ name, rawInput }) => ({
          id: newId('call_'),
          type: 'function',
          function: { name, arguments: rawInput },
        })),
      }),
});

const usageOf = (usage: NonNullable<Answer['usage']>): Readonly<Record<string, unknown>> => ({
  prompt_tokens: usage.inputTokens,
  completion_tokens: usage.outputTokens,
  total_tokens: usage.inputTokens + usage.outputTokens,
  prompt_tokens_details: {
    cached_tokens: usage.cacheReadTokens,
    audio_tokens: 0,
    ...(usage.cacheWriteTokens === 0 ? {} : { cache_write_tokens: usage.cacheWriteTokens }),
  },
  completion_tokens_details: {
    reasoning_tokens: usage.reasoningTokens,
    audio_tokens: 0,
    accepted_prediction_tokens: 0,
    rejected_prediction_tokens: 0,
  },
});

function* stream(answer: Answer, pieces: Pieces): Iterable<Frame> {
  const shared = envelope(answer, 'chat.completion.chunk');
  const saysUsage = answer.wants.streamUsage && answer.usage !== null;
  const chunk = (delta: unknown, options: { characters?: number; finish?: string } = {}): Frame => {
    const choices = [{ index: 0, delta, logprobs: null, finish_reason: options.finish ?? null }];
    const data = JSON.stringify({ ...shared, choices, ...(saysUsage ? { usage: null } : {}) });
    return { event: null, data, characters: options.characters ?? 0, isEnd: options.finish !== undefined };
  };
  yield chunk({
    role: 'assistant',
    content: answer.toolCalls.length > 0 && answer.text === '' ? null : '',
    refusal: null,
  });
  for (const piece of pieces(answer.reasoning)) yield chunk({ reasoning_content: piece }, { characters: piece.length });
  for (const piece of pieces(answer.text)) yield chunk({ content: piece }, { characters: piece.length });
  for (const [index, { name, rawInput }] of answer.toolCalls.entries()) {
    yield chunk({ tool_calls: [{ index, id: newId('call_'), type: 'function', function: { name, arguments: '' } }] });
    for (const piece of pieces(rawInput)) {
      yield chunk({ tool_calls: [{ index, function: { arguments: piece } }] }, { characters: piece.length });
    }
  }
  yield chunk({}, { finish: answer.finish });
  if (saysUsage && answer.usage !== null) {
    const data = JSON.stringify({ ...shared, choices: [], usage: usageOf(answer.usage) });
    yield { event: null, data, characters: 0, isEnd: true };
  }
  yield { event: null, data: '[DONE]', characters: 0, isEnd: true };
}
