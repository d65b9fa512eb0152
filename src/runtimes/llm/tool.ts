import type { EgressPolicy } from '../../core/agent.ts';
import type { JsonSchema } from '../../core/json-schema.ts';
import type { Egress } from '../../egress/egress.ts';
import type { RunServices, RuntimeSandbox } from '../runtime.ts';

/** Something that a model can have done. One a file in tools/; MCP servers bring more. */
export interface Tool {
  /** `[A-Za-z0-9_-]{1,64}`, as every provider takes it. */
  readonly name: string;
  /** Written for the model: what it does, when to use it, what comes back. */
  readonly description: string;
  readonly inputSchema: JsonSchema;
  /** True when a call that was interrupted may simply be made again; else the model is told of the interruption. */
  readonly isRepeatable: boolean;
  /** True for a tool that is a question to a person: it runs once they have answered yes. */
  readonly asksPeople?: boolean;
  /**
   * Does it. What the model did wrong (input that does not fit inputSchema included), or what failed outside, is a result
   * with isError; rejects for an abort and for faults of kazi itself only.
   */
  run(input: unknown, call: ToolCallContext): Promise<ToolResult>;
}

/** What one call of a tool works with. */
export interface ToolCallContext {
  /** The call's step in the job: the same at every attempt, so ids made from it are too. */
  readonly ordinal: number;
  readonly toolCallId: string;
  readonly signal: AbortSignal;
  /** What the person wrote who allowed the call; null when nobody had to, or wrote nothing. */
  readonly approvalMessage: string | null;
  /** Adds output to the log while the tool runs. */
  emitOutput(output: { readonly stream: 'stdout' | 'stderr'; readonly text: string }): void;
  /** The job's sandbox, opened at the first call of any tool. Throws SANDBOX_UNAVAILABLE. */
  openSandbox(): Promise<RuntimeSandbox>;
  readonly egress: Egress;
  readonly egressPolicy: EgressPolicy;
  /** True for media types that the job's model takes as input. */
  modelAccepts(mediaType: string): boolean;
  readonly services: RunServices;
}

/** What the model gets to read, with what the log gets to know. */
export type ToolResult =
  | {
      readonly kind: 'done';
      readonly content: string | readonly ToolContent[];
      readonly isError: boolean;
      /** Small facts for the step's event, such as exit_code or path. */
      readonly facts?: Readonly<Record<string, unknown>>;
      /** Pages that were read, for the list of sources. */
      readonly sources?: readonly { readonly url: string; readonly title: string | null }[];
    }
  /** Nothing to say yet: the job parks without holding a process, and the call is made again when it is woken. */
  | { readonly kind: 'waiting'; readonly reason: string; readonly wakeAfterMs: number };

export type ToolContent =
  | { readonly type: 'text'; readonly text: string }
  /** An image or document, as base64. */
  | { readonly type: 'file'; readonly mediaType: string; readonly data: string };

/** Longest text that one tool result gives to the model. */
export const TOOL_RESULT_CHARACTERS = 40_000;
