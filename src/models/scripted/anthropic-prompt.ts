import type { IncomingHttpHeaders } from 'node:http';
import { z } from 'zod';
import { checkToolResults } from './check-tool-results.ts';
import { parseBody } from './parse-body.ts';
import type { Prompt, PromptEntry } from './prompt.ts';
import { WireError } from './wire-error.ts';

const textBlocks = z.union([z.string(), z.array(z.looseObject({ type: z.string(), text: z.string().optional() }))]);
const block = z.looseObject({
  type: z.string(),
  text: z.string().optional(),
  id: z.string().optional(),
  tool_use_id: z.string().optional(),
  content: z.unknown().optional(),
});
type Block = z.infer<typeof block>;
const message = z.looseObject({
  role: z.enum(['user', 'assistant', 'system']),
  content: z.union([z.string(), z.array(block)]),
});
type Message = z.infer<typeof message>;
const body = z.looseObject({
  model: z.string(),
  max_tokens: z.int().min(1),
  messages: z.array(message).min(1),
  system: textBlocks.nullish(),
  stream: z.boolean().nullish(),
  tools: z.array(z.looseObject({ name: z.string() })).nullish(),
});

/** The prompt of a Messages request. Throws WireError for what Anthropic refuses. */
export const readAnthropicPrompt = (json: unknown, headers: IncomingHttpHeaders): Prompt => {
  if (headers['anthropic-version'] === undefined) throw new WireError(400, 'anthropic-version: header is required');
  const request = parseBody(body, json);
  const emptyAt = request.messages.findIndex(hasEmptyText);
  if (emptyAt !== -1) throw new WireError(400, `messages.${emptyAt}: text content blocks must be non-empty`);
  const entries = request.messages.flatMap(toEntries);
  const fault = checkToolResults(entries);
  if (fault !== null) {
    throw new WireError(
      400,
      fault.kind === 'missing'
        ? `messages: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${fault.callIds.join(', ')}. Each \`tool_use\` block must have a corresponding \`tool_result\` block in the next message.`
        : `messages: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${fault.callId}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`,
    );
  }
  return {
    model: request.model,
    isStream: request.stream === true,
    system: [textOf(request.system), ...request.messages.flatMap(systemText)].filter((text) => text !== '').join('\n'),
    entries,
    toolNames: (request.tools ?? []).map(({ name }) => name),
    messageCount: request.messages.length,
    characters: JSON.stringify([request.system, request.messages, request.tools]).length,
    wants: { streamUsage: true, encryptedReasoning: false },
    after: null,
  };
};

const hasEmptyText = ({ content }: Message): boolean =>
  typeof content !== 'string' && content.some(({ type, text }) => type === 'text' && text === '');

const systemText = ({ role, content }: Message): readonly string[] => (role === 'system' ? [textOf(content)] : []);

const toEntries = ({ role, content }: Message): readonly PromptEntry[] => {
  if (role === 'system') return [];
  const blocks: readonly Block[] = typeof content === 'string' ? [{ type: 'text', text: content }] : content;
  const text = textOf(blocks);
  if (role === 'assistant') return [{ role, text, callIds: blocks.flatMap(toCallId) }];
  const results = blocks.flatMap(toResult);
  return text === '' && results.length > 0 ? results : [...results, { role, text }];
};

const toCallId = ({ type, id }: Block): readonly string[] => (type === 'tool_use' && id !== undefined ? [id] : []);

const toResult = (found: Block): readonly PromptEntry[] => {
  if (found.type !== 'tool_result') return [];
  const content = textBlocks.safeParse(found.content ?? '');
  return [{ role: 'tool', text: content.success ? textOf(content.data) : '', callId: found.tool_use_id ?? '' }];
};

type Texts = string | readonly { readonly type: string; readonly text?: string | undefined }[];

const textOf = (given: Texts | null | undefined): string =>
  typeof given === 'string'
    ? given
    : (given ?? []).flatMap(({ type, text }) => (type === 'text' && text !== undefined ? [text] : [])).join('\n');
