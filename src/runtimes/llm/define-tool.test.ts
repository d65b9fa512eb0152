import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { KaziError } from '../../core/errors.ts';
import { defineTool } from './define-tool.ts';
import { TOOL_RESULT_CHARACTERS, type ToolCallContext, type ToolResult } from './tool.ts';

const refuse = (): never => {
  throw new Error('not to be used here');
};

const contextOf = (signal: AbortSignal): ToolCallContext => ({
  ordinal: 1,
  toolCallId: 'call_1',
  signal,
  approvalMessage: null,
  emitOutput: refuse,
  openSandbox: refuse,
  egress: { fetch: refuse },
  egressPolicy: { kind: 'none' },
  modelAccepts: () => false,
  services: {
    limits: refuse,
    history: refuse,
    opening: refuse,
    holdSpend: refuse,
    approvals: refuse,
    modelRequests: refuse,
    scheduleJob: refuse,
    spawnJob: refuse,
    publish: refuse,
  },
});

const toolThat = (run: () => Promise<ToolResult>) =>
  defineTool({
    name: 'probe',
    description: 'A probe.',
    input: z.strictObject({ word: z.string(), count: z.number().int().min(1).max(9).optional() }),
    isRepeatable: true,
    run,
  });

const done = (content: Extract<ToolResult, { kind: 'done' }>['content']): Promise<ToolResult> =>
  Promise.resolve({ kind: 'done', content, isError: false });

const textOf = (result: ToolResult): string => {
  assert.ok(result.kind === 'done' && typeof result.content === 'string');
  return result.content;
};

const live = contextOf(new AbortController().signal);

test('the schema is that of the input, without what only a validator wants', () => {
  assert.deepEqual(toolThat(() => done('')).inputSchema, {
    type: 'object',
    properties: { word: { type: 'string' }, count: { type: 'integer', minimum: 1, maximum: 9 } },
    required: ['word'],
    additionalProperties: false,
  });
});

test('input that does not fit is told field by field, and nothing runs', async () => {
  const tool = toolThat(refuse);
  const text = textOf(await tool.run({ word: 5, count: 10, other: 1 }, live));
  assert.match(text, /The input of probe does not fit its schema:/);
  for (const field of ['word', 'count', 'other']) assert.match(text, new RegExp(field));
  for (const input of [null, undefined, 'text', []]) assert.match(textOf(await tool.run(input, live)), /does not fit/);
  assert.match(textOf(await tool.run({ word: null }, live)), /word/);
});

test('null stands for what a model left out', async () => {
  assert.equal(textOf(await toolThat(() => done('ran')).run({ word: 'a', count: null }, live)), 'ran');
});

test('refused paths and faults of files are told; all else is a fault of kazi', async () => {
  const told = async (error: Error): Promise<string> =>
    textOf(await toolThat(() => Promise.reject(error)).run({ word: 'a' }, live));
  assert.match(await told(new KaziError('SANDBOX_PATH_REFUSED', { found: '../x' })), /^Path refused: found "\.\.\/x"/);
  assert.equal(await told(new KaziError('INVALID_REQUEST', { message: 'too big' })), 'too big');
  assert.match(await told(Object.assign(new Error('x'), { code: 'ENOSPC' })), /disk is full/);
  await assert.rejects(told(new KaziError('SANDBOX_UNAVAILABLE', { reason: 'gone' })), /gone/);
  await assert.rejects(told(Object.assign(new Error('broken disk'), { code: 'EIO' })), /broken disk/);
});

test('an abort rejects with its reason, before the tool runs and when the tool fails of it', async () => {
  const reason = new Error('canceled');
  await assert.rejects(toolThat(refuse).run({ word: 'a' }, contextOf(AbortSignal.abort(reason))), reason);
  const controller = new AbortController();
  const tool = toolThat(() => {
    controller.abort(reason);
    return Promise.reject(new KaziError('INVALID_REQUEST', { message: 'ended' }));
  });
  await assert.rejects(tool.run({ word: 'a' }, contextOf(controller.signal)), reason);
});

test('texts that are too long lose their middle, files do not', async () => {
  const long = `${'a'.repeat(TOOL_RESULT_CHARACTERS)}z`;
  const text = textOf(await toolThat(() => done(long)).run({ word: 'a' }, live));
  assert.ok(text.length < TOOL_RESULT_CHARACTERS + 100);
  assert.match(text, /^a+\n\[1 characters left out here: the result is too long\]\na+z$/);
  const file = { type: 'file', mediaType: 'image/png', data: long } as const;
  const parts = await toolThat(() => done([{ type: 'text', text: long }, file])).run({ word: 'a' }, live);
  assert.ok(parts.kind === 'done' && typeof parts.content !== 'string');
  assert.deepEqual(parts.content[1], file);
  assert.deepEqual(parts.content[0], { type: 'text', text });
});
