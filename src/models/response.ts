import type {
  AssistantContent,
  ContentPart,
  FinishReason,
  LanguageModelUsage,
  ModelMessage,
  TextPart,
  ToolSet,
} from 'ai';
import type { TokenUsage } from '../core/model-call.ts';
import type { ModelResponse, ModelToolCall } from './model.ts';

type Part = ContentPart<ToolSet>;
type ToolCallPart = Extract<Part, { type: 'tool-call' }>;
type MessagePart = Exclude<AssistantContent, string>[number];
/** Every part of an answer that is sent back can carry marks. */
type SentPart = Exclude<MessagePart, { type: 'tool-approval-request' }>;
type Marks = NonNullable<TextPart['providerOptions']>;

const QUOTED_CHARACTERS = 200;

/** What the model said, out of the parts of its answer. */
export const readContent = (
  content: readonly Part[],
): Pick<ModelResponse, 'messages' | 'text' | 'reasoning' | 'toolCalls'> => ({
  messages: toMessages(content),
  text: content.flatMap((part) => (part.type === 'text' ? [part.text] : [])).join(''),
  reasoning: content.flatMap((part) => (part.type === 'reasoning' && part.text !== '' ? [part.text] : [])).join('\n\n'),
  toolCalls: content.flatMap((part) => (part.type === 'tool-call' ? [toToolCall(part)] : [])),
});

/** Null when the provider said nothing of tokens. */
export const readUsage = (usage: LanguageModelUsage): TokenUsage | null => {
  const { inputTokens, outputTokens, inputTokenDetails, outputTokenDetails } = usage;
  if (inputTokens === undefined && outputTokens === undefined) return null;
  const cacheReadTokens = toCount(inputTokenDetails.cacheReadTokens);
  const cacheWriteTokens = toCount(inputTokenDetails.cacheWriteTokens);
  return {
    // Some servers leave what was cached out of their total.
    inputTokens: Math.max(toCount(inputTokens), cacheReadTokens + cacheWriteTokens),
    cacheReadTokens,
    cacheWriteTokens,
    outputTokens: toCount(outputTokens),
    reasoningTokens: Math.min(toCount(outputTokenDetails.reasoningTokens), toCount(outputTokens)),
  };
};

/** Some servers say `stop` where they called a tool. */
export const readFinish = (reason: FinishReason, hasToolCalls: boolean): ModelResponse['finish'] => {
  if (reason === 'length') return 'length';
  if (reason === 'content-filter') return 'content_filter';
  if (hasToolCalls) return 'tool_calls';
  return reason === 'stop' ? 'stop' : 'other';
};

/** One assistant message with the provider's own marks (signatures, encrypted reasoning, ids) kept on every part. */
const toMessages = (content: readonly Part[]): readonly ModelMessage[] => {
  const parts = content.flatMap((part): readonly MessagePart[] => {
    const kept = toMessagePart(part);
    const marks = marksOf(part);
    return kept === null ? [] : [marks === null ? kept : { ...kept, providerOptions: marks }];
  });
  return parts.length === 0 ? [] : [{ role: 'assistant', content: parts }];
};

const toMessagePart = (part: Part): SentPart | null => {
  switch (part.type) {
    case 'text':
      return part.text === '' && part.providerMetadata === undefined ? null : { type: 'text', text: part.text };
    case 'reasoning':
      return { type: 'reasoning', text: part.text };
    case 'tool-call': {
      const { toolCallId, toolName } = part;
      const input: unknown = part.input;
      // Providers refuse a history in which a call has no object; what was wrong stands in the result that follows.
      return { type: 'tool-call', toolCallId, toolName, input: isJsonObject(input) ? input : {} };
    }
    case 'file':
    case 'reasoning-file':
      return { type: part.type, data: part.file.base64, mediaType: part.file.mediaType };
    case 'custom':
      return { type: 'custom', kind: part.kind };
    default:
      // Sources, and calls that a provider ran itself: none of its tools is ever offered.
      return null;
  }
};

/** As plain JSON: the packages leave undefined values in. */
const marksOf = (part: Part): Marks | null => {
  const marks = 'providerMetadata' in part ? part.providerMetadata : undefined;
  return marks === undefined ? null : (JSON.parse(JSON.stringify(marks)) as Marks);
};

const toToolCall = ({ toolCallId, toolName, input }: ToolCallPart): ModelToolCall => ({
  id: toolCallId,
  name: toolName,
  input,
  inputError: isJsonObject(input) ? null : describeInput(input),
});

/** The SDK hands over text that did not parse as it is. */
const describeInput = (input: unknown): string => {
  const written = typeof input === 'string' ? input : JSON.stringify(input);
  const quoted = written.length > QUOTED_CHARACTERS ? `${written.slice(0, QUOTED_CHARACTERS)}…` : written;
  return `The arguments of this call are not a JSON object. Found: ${quoted}. ${problemOf(written)}Send one whole JSON object that fits the tool's schema.`;
};

const problemOf = (text: string): string => {
  try {
    JSON.parse(text);
    return '';
  } catch (error) {
    return error instanceof Error ? `Problem: ${error.message}. ` : '';
  }
};

const isJsonObject = (value: unknown): boolean => typeof value === 'object' && value !== null && !Array.isArray(value);

const toCount = (count: number | undefined): number =>
  count === undefined || !Number.isFinite(count) ? 0 : Math.max(0, Math.trunc(count));
