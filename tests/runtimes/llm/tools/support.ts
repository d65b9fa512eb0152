import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { Tool, ToolCallContext, ToolResult } from '../../../../src/runtimes/llm/tool.ts';
import type { RunServices } from '../../../../src/runtimes/runtime.ts';
import type { Sandbox, SandboxProvider } from '../../../../src/sandboxes/sandbox.ts';
import { openSandbox } from '../../../sandboxes/support.ts';

export type DoneResult = Extract<ToolResult, { kind: 'done' }>;

const refuse = (): never => {
  throw new Error('not to be used by this tool');
};

/** Services of which a test gives what its tool uses; the rest throws. */
const servicesWith = (given: Partial<RunServices>): RunServices => ({
  limits: refuse,
  history: refuse,
  opening: refuse,
  holdSpend: refuse,
  approvals: refuse,
  modelRequests: refuse,
  scheduleJob: refuse,
  spawnJob: refuse,
  publish: refuse,
  ...given,
});

export interface Bench {
  readonly sandbox: Sandbox;
  /** What the tools emitted, in order. */
  readonly emitted: { readonly stream: 'stdout' | 'stderr'; readonly text: string }[];
  /** Calls a tool and gives its finished result. */
  call(tool: Tool, input: unknown, options?: CallOptions): Promise<DoneResult>;
}

export interface CallOptions {
  readonly ordinal?: number;
  readonly signal?: AbortSignal;
  readonly accepts?: readonly string[];
  readonly services?: Partial<RunServices>;
  readonly onEmit?: () => void;
}

/** A sandbox of the test's own, with a way to call tools in it. */
export const openBench = async (
  context: TestContext,
  provider: SandboxProvider,
  options?: Parameters<typeof openSandbox>[2],
): Promise<Bench> => {
  const sandbox = await openSandbox(context, provider, options);
  const emitted: Bench['emitted'] = [];
  const contextOf = (given: CallOptions): ToolCallContext => ({
    ordinal: given.ordinal ?? 7,
    toolCallId: 'call_1',
    signal: given.signal ?? new AbortController().signal,
    emitOutput: (output) => {
      emitted.push(output);
      given.onEmit?.();
    },
    openSandbox: () => Promise.resolve(sandbox),
    egress: { fetch: refuse },
    egressPolicy: { kind: 'none' },
    modelAccepts: (mediaType) => given.accepts?.includes(mediaType) === true,
    approvalMessage: null,
    services: servicesWith(given.services ?? {}),
  });
  return {
    sandbox,
    emitted,
    call: async (tool, input, given = {}) => {
      const result = await tool.run(input, contextOf(given));
      assert.ok(result.kind === 'done');
      return result;
    },
  };
};

/** The text of a result that is to be good. */
export const goodText = (result: DoneResult): string => textOf(result, false);

/** The text of a result that is to be an error. */
export const badText = (result: DoneResult): string => textOf(result, true);

const textOf = ({ content, isError }: DoneResult, isErrorExpected: boolean): string => {
  assert.ok(typeof content === 'string');
  assert.equal(isError, isErrorExpected, content);
  return content;
};
