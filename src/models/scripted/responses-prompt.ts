import { z } from 'zod';
import { checkToolResults } from './check-tool-results.ts';
import { readTurnKey } from './fill-turn.ts';
import { openaiToolFault } from './openai-error.ts';
import { parseBody } from './parse-body.ts';
import type { Prompt, PromptEntry } from './prompt.ts';
import { WireError } from './wire-error.ts';

const content = z.union([z.string(), z.array(z.looseObject({ type: z.string(), text: z.string().optional() }))]);
const item = z.looseObject({
  type: z.string().optional(),
  role: z.enum(['system', 'developer', 'user', 'assistant']).optional(),
  content: z.unknown().optional(),
  id: z.string().nullish(),
  call_id: z.string().nullish(),
  output: z.unknown().optional(),
});
type Item = z.infer<typeof item>;
const body = z.looseObject({
  model: z.string(),
  input: z.union([z.string(), z.array(item).min(1)]),
  instructions: z.string().nullish(),
  stream: z.boolean().nullish(),
  include: z.array(z.string()).nullish(),
  previous_response_id: z.string().nullish(),
  tools: z.array(z.looseObject({ name: z.string().optional() })).nullish(),
});

/** The prompt of a Responses request. Throws WireError for what OpenAI refuses. */
export const readResponsesPrompt = (json: unknown): Prompt => {
  const request = parseBody(body, json);
  const { input, instructions, previous_response_id: previousId } = request;
  const hasPrevious = previousId !== undefined && previousId !== null;
  const after = hasPrevious ? readTurnKey(previousId) : null;
  if (hasPrevious && after === null) {
    const message = `Previous response with id '${previousId}' not found.`;
    throw new WireError(400, message, { code: 'previous_response_not_found' });
  }
  const items: readonly Item[] = typeof input === 'string' ? [{ role: 'user', content: input, output: null }] : input;
  const entries = toEntries(items);
  // What a stored response called is known by its id only.
  const fault = after === null ? checkToolResults(entries) : null;
  if (fault !== null) throw openaiToolFault(fault, 'responses');
  return {
    model: request.model,
    isStream: request.stream === true,
    system: [instructions ?? '', ...items.filter(isSystem).map((one) => textOf(one.content))]
      .filter(Boolean)
      .join('\n'),
    entries,
    toolNames: (request.tools ?? []).flatMap(({ name }) => name ?? []),
    messageCount: items.length,
    characters: JSON.stringify([instructions, input, request.tools]).length,
    wants: { streamUsage: true, encryptedReasoning: request.include?.includes('reasoning.encrypted_content') === true },
    after,
  };
};

const isSystem = ({ role }: Item): boolean => role === 'system' || role === 'developer';

/** The order in which one answer holds its items: going back in it begins the next answer. */
const RANKS: Readonly<Record<string, number>> = { reasoning: 0, message: 1, function_call: 2 };
const KINDS_BY_ID: Readonly<Record<string, string>> = { rs: 'reasoning', msg: 'message', fc: 'function_call' };

interface OpenTurn {
  readonly rank: number;
  readonly text: string;
  readonly callIds: readonly string[] | null;
}

/** Items of the model stand alone in this format; those that came with one answer make one entry. */
const toEntries = (items: readonly Item[]): readonly PromptEntry[] => {
  const entries: PromptEntry[] = [];
  let open: OpenTurn | null = null;
  const close = (): void => {
    if (open !== null) entries.push({ role: 'assistant', text: open.text, callIds: open.callIds });
    open = null;
  };
  for (const one of items) {
    const rank = rankOf(one);
    if (rank === null) {
      if (isSystem(one)) continue;
      close();
      entries.push(toInputEntry(one));
    } else {
      if (isNextTurn(open, rank)) close();
      open = extend(open, one, rank);
    }
  }
  close();
  return entries;
};

/** Null for items that are not the model's. */
const rankOf = ({ type, role, id }: Item): number | null => {
  if (role === 'assistant') return RANKS['message'] ?? null;
  const kind = type === 'item_reference' ? KINDS_BY_ID[/^[a-z]+/.exec(id ?? '')?.[0] ?? ''] : type;
  return RANKS[kind ?? ''] ?? null;
};

const isNextTurn = (open: OpenTurn | null, rank: number): boolean =>
  open !== null && (rank < open.rank || (rank === open.rank && rank === RANKS['message']));

const extend = (open: OpenTurn | null, one: Item, rank: number): OpenTurn => {
  const { text, callIds }: Pick<OpenTurn, 'text' | 'callIds'> = open ?? { text: '', callIds: [] };
  const isReference = one.type === 'item_reference';
  const calls = one.type === 'function_call' ? [one.call_id ?? ''] : [];
  return {
    rank,
    text: text + textOf(one.content),
    callIds: callIds === null || isReference ? null : [...callIds, ...calls],
  };
};

const toInputEntry = (one: Item): PromptEntry =>
  one.type === 'function_call_output'
    ? { role: 'tool', text: textOf(one.output), callId: one.call_id ?? '' }
    : { role: 'user', text: textOf(one.content) };

const textOf = (given: unknown): string => {
  const parsed = content.safeParse(given);
  if (!parsed.success) return '';
  return typeof parsed.data === 'string' ? parsed.data : parsed.data.map(({ text = '' }) => text).join('\n');
};
