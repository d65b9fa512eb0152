import type { ModelMessage } from 'ai';
import type { ContentBlock } from '../../core/journal.ts';
import type { ModelResponse, ModelToolCall } from '../../models/model.ts';
import type { ToolContent } from './tool.ts';

type ToolPart = Extract<Extract<ModelMessage, { role: 'tool' }>['content'][number], { type: 'tool-result' }>;

/** What a tool call came to, as it is kept and sent to the model. */
export interface ToolOutput {
  readonly content: string | readonly ToolContent[];
  readonly isError: boolean;
}

/** What a model said, as the blocks of its message. */
export const responseBlocks = (response: Pick<ModelResponse, 'text' | 'reasoning' | 'toolCalls'>): ContentBlock[] => [
  ...(response.reasoning === '' ? [] : [{ type: 'thinking', thinking: response.reasoning } as const]),
  ...(response.text === '' ? [] : [{ type: 'text', text: response.text } as const]),
  ...response.toolCalls.map(({ id, name, input }) => ({ type: 'tool_use', id, name, input: toObject(input) }) as const),
];

/** The result of a call, as a block of its message: text, with files named instead of repeated. */
export const resultBlock = (call: ModelToolCall, output: ToolOutput): ContentBlock => ({
  type: 'tool_result',
  tool_use_id: call.id,
  content: toText(output.content),
  ...(output.isError ? { is_error: true } : {}),
});

/** The result of a call, as the model reads it. */
export const resultPart = (call: ModelToolCall, { content, isError }: ToolOutput): ToolPart => ({
  type: 'tool-result',
  toolCallId: call.id,
  toolName: call.name,
  output:
    typeof content === 'string'
      ? { type: isError ? 'error-text' : 'text', value: content }
      : { type: 'content', value: content.map(toContentPart) },
});

const toContentPart = (item: ToolContent): Extract<ToolPart['output'], { type: 'content' }>['value'][number] =>
  item.type === 'text'
    ? { type: 'text', text: item.text }
    : { type: 'file', mediaType: item.mediaType, data: { type: 'data', data: item.data } };

const toText = (content: ToolOutput['content']): string =>
  typeof content === 'string'
    ? content
    : content
        .map((item) =>
          item.type === 'text' ? item.text : `[${item.mediaType}, ${Math.floor((item.data.length * 3) / 4)} bytes]`,
        )
        .join('\n');

/** Blocks carry objects; what a model made up instead is kept under one key. */
const toObject = (input: unknown): Readonly<Record<string, unknown>> =>
  typeof input === 'object' && input !== null && !Array.isArray(input)
    ? (input as Readonly<Record<string, unknown>>)
    : { input };
