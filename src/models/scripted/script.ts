import { z } from 'zod';

const DAY_MS = 24 * 60 * 60 * 1000;

const text = z.string();
const count = z.int().nonnegative();
const delayMs = z.int().nonnegative().max(DAY_MS);
const name = z.string().min(1).max(200);

const FAULT_KINDS = [
  'status',
  'contextOverflow',
  'hang',
  'expired',
  'cutAfterCharacters',
  'hangAfterCharacters',
  'errorAfterCharacters',
] as const;

const fault = z
  .strictObject({
    status: z.int().min(400).max(599).optional(),
    retryAfterSeconds: z.number().nonnegative().max(86_400).optional(),
    code: name.optional(),
    message: name.optional(),
    contextOverflow: z.literal(true).optional(),
    hang: z.literal(true).optional(),
    expired: z.literal(true).optional(),
    cutAfterCharacters: count.optional(),
    hangAfterCharacters: count.optional(),
    errorAfterCharacters: count.optional(),
  })
  .refine((found) => FAULT_KINDS.filter((kind) => found[kind] !== undefined).length === 1, {
    message: `exactly one of ${FAULT_KINDS.join(', ')}`,
  })
  .refine((found) => found.status !== undefined || found.retryAfterSeconds === undefined, {
    message: 'retryAfterSeconds together with status only',
  });

const usage = z
  .strictObject({
    inputTokens: count.optional(),
    cacheReadTokens: count.optional(),
    cacheWriteTokens: count.optional(),
    outputTokens: count.optional(),
    reasoningTokens: count.optional(),
  })
  .refine(
    ({ inputTokens, cacheReadTokens = 0, cacheWriteTokens = 0 }) =>
      (inputTokens ?? Number.POSITIVE_INFINITY) >= cacheReadTokens + cacheWriteTokens,
    { message: 'inputTokens that include cacheReadTokens and cacheWriteTokens' },
  )
  .refine(({ outputTokens, reasoningTokens = 0 }) => (outputTokens ?? Number.POSITIVE_INFINITY) >= reasoningTokens, {
    message: 'outputTokens that include reasoningTokens',
  });

const toolCall = z
  .strictObject({ name, input: z.json().optional(), rawInput: text.optional() })
  .refine(({ input, rawInput }) => input === undefined || rawInput === undefined, {
    message: 'one of input (any JSON) and rawInput (the text as the model wrote it)',
  });

const turn = z
  .strictObject({
    text: text.optional(),
    reasoning: text.optional(),
    toolCalls: z.array(toolCall).optional(),
    usage: usage.nullable().optional(),
    finish: z.enum(['stop', 'length', 'content_filter']).optional(),
    delayMs: delayMs.optional(),
    tokenDelayMs: delayMs.optional(),
    chunkCharacters: z.int().min(1).optional(),
    faults: z.array(fault).optional(),
    expect: z
      .strictObject({
        lastToolResultContains: text.optional(),
        systemContains: text.optional(),
        offersTool: name.optional(),
      })
      .optional(),
  })
  .refine(
    ({ text: said, reasoning, toolCalls, faults, finish }) =>
      [said, reasoning, toolCalls, faults, finish].some((part) => part !== undefined),
    { message: 'at least one of text, reasoning, toolCalls, finish and faults' },
  );

const conversation = z.strictObject({
  name,
  when: z
    .strictObject({ contains: name.optional(), systemContains: name.optional(), model: name.optional() })
    .optional(),
  turns: z.array(turn).min(1),
  repeatLast: z.boolean().optional(),
});

const BATCH_FAULT_KINDS = ['status', 'loseAnswer', 'hang', 'failed', 'expired'] as const;

/** What happens to a whole batch that a client hands in. */
const batchFault = z
  .strictObject({
    status: z.int().min(400).max(599).optional(),
    retryAfterSeconds: z.number().nonnegative().max(86_400).optional(),
    message: name.optional(),
    loseAnswer: z.literal(true).optional(),
    hang: z.literal(true).optional(),
    failed: name.optional(),
    expired: z.literal(true).optional(),
  })
  .refine((found) => BATCH_FAULT_KINDS.filter((kind) => found[kind] !== undefined).length === 1, {
    message: `exactly one of ${BATCH_FAULT_KINDS.join(', ')}`,
  });

const batches = z.strictObject({
  delayMs: delayMs.optional(),
  faults: z.array(batchFault.nullable()).optional(),
});

/** What a script file holds. Unknown keys are faults: a misspelt one would silently change what a test proves. */
export const scriptSchema = z.strictObject({
  requiredKey: name.optional(),
  models: z.array(name).min(1).optional(),
  conversations: z.array(conversation).min(1),
  batches: batches.optional(),
});

export type Script = z.infer<typeof scriptSchema>;
export type ScriptedConversation = z.infer<typeof conversation>;
export type ScriptedTurn = z.infer<typeof turn>;
export type ScriptedFault = z.infer<typeof fault>;
export type ScriptedBatchFault = z.infer<typeof batchFault>;
