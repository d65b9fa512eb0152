import type { ModelMessage } from 'ai';
import type { ContentBlock } from '../../core/journal.ts';
import type { SessionHistory } from '../runtime.ts';

type AssistantPart = Exclude<Extract<ModelMessage, { role: 'assistant' }>['content'], string>[number];
type ToolPart = Extract<ModelMessage, { role: 'tool' }>['content'][number];

type UserContent = Extract<ModelMessage, { role: 'user' }>['content'];

const INTERRUPTED = 'The job ended before this call had a result.';

/**
 * What was said in a session before, as a model reads it. Reasoning is left out: providers take it back within one job only.
 * Every tool call gets a result, because providers refuse a conversation in which one is missing.
 */
export const historyMessages = (history: SessionHistory): ModelMessage[] => {
  const messages: ModelMessage[] = [];
  if (history.summary !== null) messages.push(summaryMessage(history.summary));
  let open = new Map<string, string>();
  const answer = (): void => {
    if (open.size > 0)
      messages.push({ role: 'tool', content: [...open].map(([id, name]) => resultPart(id, name, INTERRUPTED)) });
    open = new Map();
  };
  for (const { role, content } of history.messages) {
    if (role === 'assistant') {
      answer();
      const parts = assistantParts(content);
      if (parts.length > 0) messages.push({ role: 'assistant', content: parts });
      for (const block of content) if (block.type === 'tool_use') open.set(block.id, block.name);
      continue;
    }
    const results = content.flatMap((block) => takeResult(block, open));
    if (results.length > 0) messages.push({ role: 'tool', content: results });
    const said = userContent(content);
    if (said === '') continue;
    answer();
    messages.push({ role: 'user', content: said });
  }
  answer();
  return messages;
};

/** Text alone is one text; images stand in their place among it. */
const userContent = (content: readonly ContentBlock[]): UserContent => {
  if (!content.some(({ type }) => type === 'image'))
    return content.flatMap((block) => (block.type === 'text' ? [block.text] : [])).join('\n');
  return content.flatMap((block): Exclude<UserContent, string> => {
    if (block.type === 'text') return [{ type: 'text', text: block.text }];
    if (block.type !== 'image') return [];
    const { source } = block;
    return source.type === 'url'
      ? [{ type: 'file', mediaType: 'image', data: new URL(source.url) }]
      : [{ type: 'file', mediaType: source.media_type, data: source.data }];
  });
};

/** What stands for everything that was summarized. */
export const summaryMessage = (summary: string): ModelMessage => ({
  role: 'user',
  content: `This is a summary of our conversation so far:\n\n${summary}`,
});

const assistantParts = (content: readonly ContentBlock[]): AssistantPart[] =>
  content.flatMap((block): AssistantPart[] => {
    if (block.type === 'text' && block.text !== '') return [{ type: 'text', text: block.text }];
    if (block.type !== 'tool_use') return [];
    return [{ type: 'tool-call', toolCallId: block.id, toolName: block.name, input: block.input }];
  });

/** A result whose call is not there any more is dropped; each call has one. */
const takeResult = (block: ContentBlock, open: Map<string, string>): ToolPart[] => {
  if (block.type !== 'tool_result') return [];
  const name = open.get(block.tool_use_id);
  if (name === undefined) return [];
  open.delete(block.tool_use_id);
  const text = typeof block.content === 'string' ? block.content : JSON.stringify(block.content);
  return [resultPart(block.tool_use_id, name, text)];
};

const resultPart = (toolCallId: string, toolName: string, value: string): ToolPart => ({
  type: 'tool-result',
  toolCallId,
  toolName,
  output: { type: 'text', value },
});
