import { type ApprovalDecision, approvalRule } from '../../core/approval.ts';
import { derivedId } from '../../core/derived-id.ts';
import { isKaziError } from '../../core/errors.ts';
import type { JournalEvent, Step } from '../../core/journal.ts';
import type { Egress } from '../../egress/egress.ts';
import type { ModelToolCall } from '../../models/model.ts';
import { resultBlock, type ToolOutput } from './message-blocks.ts';
import type { RunParts } from './run-parts.ts';
import { TOOL_RESULT_CHARACTERS, type Tool, type ToolResult } from './tool.ts';

/** What a finished tool call left in the journal. */
interface StoredOutput extends ToolOutput {
  readonly durationMs: number;
}

/** How a call ended. `waiting`: it goes on when the job is woken. `stopped`: the run was. */
export type ToolStepEnd =
  /** `isNextStarted`: the start of the next call was written with its end. */
  | { readonly kind: 'done'; readonly output: ToolOutput; readonly isNextStarted: boolean }
  | { readonly kind: 'waiting'; readonly reason: string; readonly wakeAfterMs: number }
  | { readonly kind: 'stopped' };

export interface ToolStepOptions {
  readonly run: RunParts;
  readonly tools: readonly Tool[];
  readonly egress: Egress;
  readonly call: ModelToolCall;
  readonly ordinal: number;
  /** True when its start was written already, with the end of what came before: see `startOf`. */
  readonly isStarted: boolean;
  /** What the end of this call is written together with: the start of the next one, as things are by then. */
  readonly startNext: () => readonly JournalEvent[];
}

/**
 * What the journal says of a call that begins, to be written with the end of what comes before it: a commit less for each
 * call. Nothing when something else comes first: a person, an end without a run, or an earlier attempt that has begun it.
 */
export const startOf = (
  options: Pick<ToolStepOptions, 'run' | 'tools' | 'call' | 'ordinal'>,
): readonly JournalEvent[] => {
  const { run, tools, call, ordinal } = options;
  const tool = findTool(tools, call.name);
  const { context, agent } = run;
  if (!tool || call.inputError !== null || context.journal.has(ordinal)) return [];
  if (tool.asksPeople || approvalRule(agent.approvals, tool.name) !== 'allow') return [];
  return context.isStopAsked || context.signal.aborted ? [] : [startEvent(options)];
};

const findTool = (tools: readonly Tool[], name: string): Tool | undefined => tools.find((tool) => tool.name === name);

const startEvent = (options: Pick<ToolStepOptions, 'call' | 'ordinal'>): JournalEvent => {
  const { ordinal, call } = options;
  const data = { ordinal, name: call.name, tool_call_id: call.id };
  return { type: 'step.started', data, step: stepOf(options, 'started', null) };
};

/** Sees one tool call to its end: reads what an earlier attempt journaled, asks where a person has to decide, runs it. */
export const runToolStep = async (options: ToolStepOptions): Promise<ToolStepEnd> => {
  const { run, ordinal, call, tools } = options;
  const earlier = run.context.journal.get(ordinal);
  if (earlier && earlier.state !== 'started') {
    const stored = earlier.output as StoredOutput;
    run.tally.addToolCall();
    return { kind: 'done', output: stored, isNextStarted: false };
  }
  const tool = findTool(tools, call.name);
  if (!tool) {
    const names = tools.map(({ name }) => name).join(', ');
    return await finish(options, failure(`There is no tool "${call.name}". The tools are: ${names}.`));
  }
  if (call.inputError !== null) {
    return await finish(options, failure(`The arguments of ${call.name} are not JSON: ${call.inputError}`));
  }
  if (earlier && !tool.isRepeatable) return await finish(options, failure(INTERRUPTED), 'interrupted');
  const leave = await askForLeave(options, tool);
  if (leave.kind !== 'allowed') return leave;
  return await runTool(options, tool, leave.message);
};

const INTERRUPTED =
  'This call was interrupted by a crash of the server and may have had a part of its effect. Look at what it has done before you make it again.';

const failure = (content: string): ToolOutput => ({ content, isError: true });

type Leave = { readonly kind: 'allowed'; readonly message: string | null } | Exclude<ToolStepEnd, { kind: 'stopped' }>;

/** Whether the call may run: by the agent's policy, and by whoever was asked. */
const askForLeave = async (options: ToolStepOptions, tool: Tool): Promise<Leave> => {
  const { run, call, ordinal } = options;
  const rule = tool.asksPeople ? 'ask' : approvalRule(run.agent.approvals, tool.name);
  if (rule === 'allow') return { kind: 'allowed', message: null };
  if (rule === 'deny') return await finish(options, failure(`The tool ${tool.name} is not allowed for this agent.`));
  const id = derivedId(run.context.job.id, ordinal, 'approval');
  const decision = (await run.context.services.approvals()).get(id);
  if (!decision) {
    const { expiresMs, onExpiry } = run.agent.approvals;
    const kind = tool.asksPeople ? 'question' : 'tool';
    const approval = { id, ordinal, kind, tool: tool.name, input: call.input ?? null, expiresMs, onExpiry } as const;
    const data = {
      approval_id: id,
      ordinal,
      kind,
      tool: tool.name,
      input: call.input ?? null,
      expires_in_ms: expiresMs,
    };
    await run.context.write([{ type: 'approval.requested', data, approval }]);
    return { kind: 'waiting', reason: waitReason(tool), wakeAfterMs: expiresMs };
  }
  if (decision.state === 'pending') {
    // At the latest when the request expires: parking sees to that.
    return { kind: 'waiting', reason: waitReason(tool), wakeAfterMs: run.agent.approvals.expiresMs };
  }
  if (decision.isAllowed) return { kind: 'allowed', message: decision.message };
  return await finish(options, failure(describeDenial(decision)));
};

const waitReason = (tool: Tool): string =>
  tool.asksPeople ? 'Waiting for an answer to its question' : `Waiting for approval of the tool ${tool.name}`;

const describeDenial = ({ state, message }: ApprovalDecision): string => {
  const fact = state === 'expired' ? 'Nobody decided in time, so this was denied.' : 'A person denied this.';
  return message === null ? fact : `${fact} They wrote: ${message}`;
};

const runTool = async (options: ToolStepOptions, tool: Tool, message: string | null): Promise<ToolStepEnd> => {
  const { run, call, ordinal, egress } = options;
  const { context, clock } = run;
  if (!options.isStarted) await context.write([startEvent(options)]);
  const startedAtMs = performance.now();
  let result: ToolResult;
  try {
    result = await tool.run(call.input, {
      ordinal,
      toolCallId: call.id,
      signal: clock.signal,
      approvalMessage: message,
      emitOutput: (output) => context.emitOutput({ step: ordinal, ...output }),
      openSandbox: async () => await context.openSandbox(),
      egress,
      egressPolicy: run.agent.egress,
      modelAccepts: (mediaType) => run.model.accepts(mediaType),
      services: context.services,
    });
  } catch (error) {
    if (clock.signal.aborted) return { kind: 'stopped' };
    // What kazi itself refuses, such as a path outside the workspace, is for the model to mend; the rest is a fault.
    if (!isKaziError(error) || error.retryable || error.code === 'LEASE_LOST') throw error;
    result = { kind: 'done', content: error.message, isError: true };
  }
  if (result.kind === 'waiting') return result;
  const durationMs = Math.round(performance.now() - startedAtMs);
  const said = message === null ? result.content : withNote(result.content, message);
  const facts = { ...result.facts, ...(result.sources ? { sources: result.sources } : {}) };
  return await finish(options, { content: bound(said), isError: result.isError }, 'finished', { durationMs, facts });
};

const withNote = (content: ToolOutput['content'], message: string): ToolOutput['content'] => {
  const note = `Whoever allowed this wrote: ${message}`;
  return typeof content === 'string' ? `${content}\n\n${note}` : [...content, { type: 'text', text: note }];
};

/** Tools keep to their bounds by themselves; those of MCP servers may not. */
const bound = (content: ToolOutput['content']): ToolOutput['content'] => {
  if (typeof content !== 'string') {
    return content.map((item) => (item.type === 'text' ? { ...item, text: boundText(item.text) } : item));
  }
  return boundText(content);
};

const boundText = (text: string): string => {
  // A tool's own note about what it left out is not counted against it.
  if (text.length <= TOOL_RESULT_CHARACTERS + 2_000) return text;
  const half = TOOL_RESULT_CHARACTERS / 2;
  return `${text.slice(0, half)}\n[… ${text.length - TOOL_RESULT_CHARACTERS} characters left out …]\n${text.slice(-half)}`;
};

interface Effort {
  readonly durationMs: number;
  readonly facts: Readonly<Record<string, unknown>>;
}

const finish = async (
  options: ToolStepOptions,
  output: ToolOutput,
  state: 'finished' | 'interrupted' = 'finished',
  { durationMs, facts }: Effort = { durationMs: 0, facts: {} },
): Promise<Extract<ToolStepEnd, { kind: 'done' }>> => {
  const { run, call, ordinal } = options;
  const stored: StoredOutput = { ...output, durationMs };
  const step: JournalEvent = {
    type: output.isError ? 'step.failed' : 'step.finished',
    data: {
      ordinal,
      name: call.name,
      tool_call_id: call.id,
      is_error: output.isError,
      duration_ms: durationMs,
      ...facts,
    },
    step: stepOf(options, state, stored),
  };
  const message = { role: 'user', content: [resultBlock(call, output)] } as const;
  const next = options.startNext();
  await run.context.write([step, { type: 'message.created', message }, ...next]);
  run.tally.addToolCall();
  return { kind: 'done', output, isNextStarted: next.length > 0 };
};

const stepOf = (
  { ordinal, call }: Pick<ToolStepOptions, 'call' | 'ordinal'>,
  state: Step['state'],
  output: StoredOutput | null,
): Step => ({
  ordinal,
  kind: 'tool',
  name: call.name,
  state,
  input: call.input ?? null,
  output,
});
