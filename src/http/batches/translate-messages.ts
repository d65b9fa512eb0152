import type { SaidMessage } from '../../core/run.ts';
import { toTime } from './times.ts';

type Fields = Readonly<Record<string, unknown>>;

/** The blocks of a stored message, as far as this family reads them. */
interface Block {
  readonly type: string;
  readonly text?: string;
  readonly thinking?: string;
  readonly signature?: string;
  readonly source?: unknown;
  readonly id?: string;
  readonly name?: string;
  readonly input?: unknown;
  readonly tool_use_id?: string;
  readonly content?: unknown;
  readonly is_error?: boolean;
}

const blocksOf = (message: SaidMessage): readonly Block[] => message.content as readonly Block[];

/** A result of a tool is a message of the user where it is stored. */
const resultOf = (message: SaidMessage): Block | undefined =>
  blocksOf(message).find(({ type }) => type === 'tool_result');

const toText = (content: unknown): string => (typeof content === 'string' ? content : JSON.stringify(content ?? ''));

/** InternalMessage. */
export const toInternalMessage = (message: SaidMessage, userId: string | null): Fields => {
  const result = resultOf(message);
  const blocks = blocksOf(message);
  const calls = blocks.filter(({ type }) => type === 'tool_use').map(toFunctionCall);
  return {
    id: `message-${message.id}`,
    role: result ? 'tool' : message.role,
    agent_id: message.sessionId,
    batch_item_id: message.isItem && message.jobId ? `batch_item-${message.jobId}` : null,
    run_id: message.jobId && `run-${message.jobId}`,
    created_at: toTime(message.createdAt),
    updated_at: toTime(message.createdAt),
    created_by_id: userId,
    last_updated_by_id: userId,
    content: result ? [textPart(toText(result.content))] : blocks.flatMap(toPart),
    tool_calls: calls.length === 0 ? null : calls,
    tool_call_id: result?.tool_use_id ?? null,
    name: result ? message.toolName : message.name,
    tool_returns: result ? [toToolReturn(result)] : [],
    model: message.role === 'assistant' ? message.model : null,
    otid: message.otid,
    sender_id: message.senderId,
    group_id: message.groupId,
    is_err: result?.is_error ? true : null,
    step_id: null,
    conversation_id: null,
    approval_request_id: null,
    approve: null,
    denial_reason: null,
    approvals: [],
  };
};

const textPart = (text: string): Fields => ({ type: 'text', text, signature: null });

const toPart = (block: Block): Fields[] => {
  if (block.type === 'text') return [textPart(block.text ?? '')];
  if (block.type === 'image') return [{ type: 'image', source: block.source }];
  if (block.type !== 'thinking') return [];
  return [{ type: 'reasoning', is_native: true, reasoning: block.thinking ?? '', signature: block.signature ?? null }];
};

const toFunctionCall = (block: Block): Fields => ({
  id: block.id,
  type: 'function',
  function: { name: block.name, arguments: JSON.stringify(block.input ?? {}) },
});

const toToolReturn = (result: Block): Fields => ({
  tool_call_id: result.tool_use_id,
  status: result.is_error ? 'error' : 'success',
  stdout: [],
  stderr: [],
  func_response: toText(result.content),
});

/** LettaMessages of stored ones, in the order of the list: one message may give several, all with its id. */
export const toLettaMessages = (messages: readonly SaidMessage[], isNewestFirst: boolean): Fields[] =>
  messages.flatMap((message) => {
    const entries = entriesOf(message).map((own) => ({ ...commonOf(message), ...own }));
    return isNewestFirst ? entries.toReversed() : entries;
  });

const commonOf = (message: SaidMessage): Fields => ({
  id: `message-${message.id}`,
  date: toTime(message.createdAt),
  name: message.name,
  otid: message.otid,
  sender_id: message.senderId,
  step_id: null,
  is_err: resultOf(message)?.is_error ? true : null,
  seq_id: null,
  run_id: message.jobId && `run-${message.jobId}`,
});

const entriesOf = (message: SaidMessage): Fields[] => {
  const result = resultOf(message);
  const blocks = blocksOf(message);
  if (result) return [toToolReturnMessage(result, message.toolName)];
  if (message.role !== 'assistant') return [{ message_type: `${message.role}_message`, content: contentOf(blocks) }];
  return [
    ...blocks
      .filter(({ type }) => type === 'thinking')
      .map(({ thinking, signature }) => ({
        message_type: 'reasoning_message',
        reasoning: thinking,
        source: 'reasoner_model',
        signature: signature ?? null,
      })),
    ...(blocks.some(({ type }) => type === 'text')
      ? [{ message_type: 'assistant_message', content: contentOf(blocks) }]
      : []),
    ...blocks.filter(({ type }) => type === 'tool_use').map(toToolCallMessage),
  ];
};

/** The text, or the parts where there are images. */
const contentOf = (blocks: readonly Block[]): unknown =>
  blocks.some(({ type }) => type === 'image')
    ? blocks.flatMap(toPart)
    : blocks.flatMap(({ type, text = '' }) => (type === 'text' ? [text] : [])).join('\n');

const toToolCallMessage = (block: Block): Fields => {
  const call = { name: block.name, arguments: JSON.stringify(block.input ?? {}), tool_call_id: block.id };
  return { message_type: 'tool_call_message', tool_call: call, tool_calls: [call] };
};

const toToolReturnMessage = (result: Block, name: string | null): Fields => {
  const own = {
    tool_return: toText(result.content),
    status: result.is_error ? 'error' : 'success',
    tool_call_id: result.tool_use_id,
    stdout: null,
    stderr: null,
  };
  return { message_type: 'tool_return_message', name, ...own, tool_returns: [{ ...own, type: 'tool' }] };
};
