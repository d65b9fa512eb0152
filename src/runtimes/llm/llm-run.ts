import type { ModelMessage } from 'ai';
import type { ReachedLimit } from '../../core/budget.ts';
import type { JournalEvent } from '../../core/journal.ts';
import type { JsonSchema, SchemaCheck } from '../../core/json-schema.ts';
import { BATCH_PROVIDERS, type ModelRequestState } from '../../core/model-batch.ts';
import type { ModelCall } from '../../core/model-call.ts';
import { ModelCallError, type ModelCallFault } from '../../core/model-call-error.ts';
import type { Egress } from '../../egress/egress.ts';
import type { RunPark, RunResult } from '../runtime.ts';
import { type BatchedStep, callInBatch } from './call-in-batch.ts';
import { type CallEnd, callModel } from './call-model.ts';
import { isNearlyFull, SUMMARY, transcriptOf } from './compaction.ts';
import { Conversation, estimateTokens } from './conversation.ts';
import { historyMessages, summaryMessage } from './history.ts';
import { acceptPartial, acceptResponse, earlierResponse, type StoredResponse } from './journaled-answer.ts';
import { resultPart } from './message-blocks.ts';
import { callData, modelCallOf, modelStep } from './model-step.ts';
import { describeReached } from './reached-limit.ts';
import type { RunParts } from './run-parts.ts';
import { readStructuredAnswer } from './structured-answer.ts';
import { systemPrompt } from './system-prompt.ts';
import type { Tool } from './tool.ts';
import { runToolStep, startOf } from './tool-step.ts';

export interface LlmRunOptions {
  readonly run: RunParts;
  readonly tools: readonly Tool[];
  readonly egress: Egress;
  readonly compileSchema: (schema: JsonSchema) => SchemaCheck;
}

type End = RunResult | RunPark;

/** Faults that the agent has no part in. */
const PROVIDER_FAULTS: ReadonlySet<ModelCallFault> = new Set([
  'unauthorized',
  'rate_limited',
  'unavailable',
  'interrupted',
]);

/** Answers to a structured question that did not fit and were sent back. */
const MAX_REPAIRS = 1;

/**
 * One attempt of a job: model call, tools, model call … to the answer. Each step has the same ordinal at every attempt, so
 * what an earlier one journaled is read instead of done again.
 */
export class LlmRun {
  readonly #options: LlmRunOptions;
  readonly #run: RunParts;
  readonly #system: string;
  readonly #conversation = new Conversation([]);
  /** Tokens of what goes with every call: instructions and tools. */
  readonly #aroundTokens: number;
  #ordinal = 0;
  #text: string | null = null;
  #repairs = 0;
  #wasCompacted = false;

  constructor(options: LlmRunOptions) {
    this.#options = options;
    this.#run = options.run;
    const { agent, context } = options.run;
    this.#system = systemPrompt(agent, {
      toolNames: options.tools.map(({ name }) => name),
      startedAt: context.job.createdAt,
    });
    this.#aroundTokens = estimateTokens([this.#system, options.tools.map(toModelTool)]);
  }

  /** To the end of the job, or to where it has to wait. */
  async execute(): Promise<End> {
    const { context } = this.#run;
    this.#conversation.add(...historyMessages(await context.services.history()));
    this.#conversation.add(...(await openingMessages(context)));
    for (;;) {
      this.#ordinal += 1;
      await context.stopIfAsked();
      if (context.signal.aborted) return this.#stopped([]);
      const asked = await this.#asked();
      const inputs = await context.takeInputs(this.#ordinal, asked.length > 0);
      for (const content of inputs) this.#conversation.add({ role: 'user', content });
      const end = this.#isCompactionDue(asked) ? await this.#compact() : await this.#turn();
      if (end) return end;
    }
  }

  /** The calls of this step that are in a batch already, or came out of one. */
  async #asked(): Promise<readonly ModelRequestState[]> {
    const { agent, context } = this.#run;
    if (agent.modelCalls === 'direct' || context.journal.has(this.#ordinal)) return [];
    return await context.services.modelRequests(this.#ordinal);
  }

  /** One model call and the tools that it asks for; undefined when the job goes on. */
  async #turn(): Promise<End | undefined> {
    const ordinal = this.#ordinal;
    let response = earlierResponse(this.#run, ordinal);
    let isFirstStarted = false;
    if (!response) {
      const end = await this.#callModel();
      if (end.kind === 'failed' && end.error.fault === 'context_overflow' && !this.#wasCompacted) {
        return await this.#compact();
      }
      if (end.kind !== 'answered') return this.#endOf(end);
      const accepted = acceptResponse(this.#run, ordinal, end);
      response = accepted.stored;
      const start = this.#startOf(response, 0);
      isFirstStarted = start.length > 0;
      // Before anything acts on it, the end of the job included: what was paid for is never asked again.
      await this.#run.context.write([...accepted.events, ...start]);
    }
    this.#wasCompacted = false;
    if (response.text !== '') this.#text = response.text;
    this.#conversation.addAnswer(response.messages, response.call.usage);
    if (response.toolCalls.length === 0) return this.#answer(response);
    return await this.#runTools(response, isFirstStarted);
  }

  async #callModel(): Promise<CallEnd> {
    const { agent } = this.#run;
    return await this.#call({
      name: 'model',
      ordinal: this.#ordinal,
      system: this.#system,
      messages: this.#conversation.messages,
      tools: this.#options.tools,
      outputSchema: agent.outputSchema,
      inputTokens: this.#conversation.estimateTokens(this.#aroundTokens),
      isStreamed: true,
    });
  }

  async #call(step: BatchedStep): Promise<CallEnd> {
    const { agent, model } = this.#run;
    if (agent.modelCalls === 'direct') return await callModel(this.#run, step);
    const fault = `The agent calls its model in batches, which ${model.provider} does not take. Set its model_calls to "direct", or name a model of ${BATCH_PROVIDERS.join(' or ')}.`;
    if (model.batched === null) return { kind: 'failed', error: new ModelCallError(fault, { fault: 'bad_request' }) };
    return await callInBatch(this.#run, model.batched, step);
  }

  /** What begins the call at that place of an answer; nothing where there is none, or it does not begin by itself. */
  #startOf({ toolCalls }: StoredResponse, place: number): readonly JournalEvent[] {
    const call = toolCalls[place];
    return call ? startOf({ run: this.#run, tools: this.#options.tools, call, ordinal: this.#ordinal + 1 }) : [];
  }

  /** All calls of one answer: those that have to wait do not hold up the others. */
  async #runTools(response: StoredResponse, isFirstStarted: boolean): Promise<End | undefined> {
    const { tools, egress } = this.#options;
    const parts = { run: this.#run, tools, egress };
    const results: ReturnType<typeof resultPart>[] = [];
    let isStarted = isFirstStarted;
    let park: RunPark | undefined;
    for (const [place, call] of response.toolCalls.entries()) {
      this.#ordinal += 1;
      await this.#run.context.stopIfAsked();
      if (this.#run.context.signal.aborted) return this.#stopped([]);
      const startNext = (): readonly JournalEvent[] => this.#startOf(response, place + 1);
      const end = await runToolStep({ ...parts, call, ordinal: this.#ordinal, isStarted, startNext });
      isStarted = end.kind === 'done' && end.isNextStarted;
      if (end.kind === 'stopped') return this.#stopped([]);
      if (end.kind === 'done') {
        results.push(resultPart(call, end.output));
      } else {
        const wakeAfterMs = Math.min(end.wakeAfterMs, park?.wakeAfterMs ?? end.wakeAfterMs);
        park = { state: 'parked', reason: park?.reason ?? end.reason, wakeAfterMs };
      }
    }
    if (park) return park;
    this.#conversation.add({ role: 'tool', content: results });
    return undefined;
  }

  /** The last answer, unless it has to be mended. */
  #answer(response: StoredResponse): End | undefined {
    const { agent } = this.#run;
    const events = warningsOf(response);
    if (agent.outputSchema === null) return this.#result({ error: null, events });
    const answer = readStructuredAnswer(response.text, this.#options.compileSchema(agent.outputSchema));
    if ('value' in answer) return this.#result({ error: null, events, structuredOutput: answer.value });
    if (this.#repairs >= MAX_REPAIRS) return this.#result({ error: answer.fault, events });
    this.#repairs += 1;
    this.#conversation.add({
      role: 'user',
      content: `${answer.fault}\n\nAnswer again with the corrected JSON value and nothing else.`,
    });
    return undefined;
  }

  #isCompactionDue(asked: readonly ModelRequestState[]): boolean {
    // A step goes on as it began.
    if (asked.length > 0) return asked.every(({ name }) => name === 'compact');
    const earlier = this.#run.context.journal.get(this.#ordinal);
    if (earlier) return earlier.name === 'compact' && earlier.kind === 'model' && earlier.state === 'finished';
    if (this.#wasCompacted || this.#conversation.messages.length < 2) return false;
    return isNearlyFull(this.#run.model, this.#conversation.estimateTokens(this.#aroundTokens));
  }

  /** Puts a summary in the place of the conversation. The question itself stays in its own words. */
  async #compact(): Promise<End | undefined> {
    const { context, model, tally } = this.#run;
    const ordinal = this.#ordinal;
    const earlier = context.journal.get(ordinal);
    let summary: string;
    if (earlier?.state === 'finished' && earlier.name === 'compact') {
      const stored = earlier.output as { readonly summary: string; readonly call: ModelCall };
      tally.addModelCall(stored.call);
      summary = stored.summary;
    } else {
      const transcript = transcriptOf(model, this.#conversation.messages);
      const end = await this.#call({
        name: 'compact',
        ordinal,
        system: SUMMARY.instructions,
        messages: [{ role: 'user', content: transcript }],
        tools: [],
        outputSchema: null,
        inputTokens: estimateTokens(transcript),
        maxOutputTokens: SUMMARY.maxOutputTokens,
        isStreamed: false,
      });
      if (end.kind !== 'answered') return this.#endOf(end);
      summary = end.response.text;
      const call = modelCallOf(this.#run, end.response, end.requestId);
      tally.addModelCall(call);
      const step = modelStep(ordinal, 'compact', { summary, call });
      const data = { ordinal, messages: this.#conversation.messages.length, ...callData(call) };
      await context.write([{ type: 'context.compacted', data, step, modelCall: call, summary }]);
    }
    this.#wasCompacted = true;
    const question = `${context.job.question}\n\n(Go on with this work from where the summary leaves it.)`;
    this.#conversation.replace([summaryMessage(summary), { role: 'user', content: question }]);
    return undefined;
  }

  #endOf(end: Exclude<CallEnd, { kind: 'answered' }>): End {
    if (end.kind === 'waiting') return { state: 'parked', reason: end.reason, wakeAfterMs: end.wakeAfterMs };
    if (end.kind === 'failed') {
      const isProviders = PROVIDER_FAULTS.has(end.error.fault);
      return this.#result({ error: end.error.message, events: [], ...(isProviders ? { fault: 'provider' } : {}) });
    }
    if (end.kind === 'reached') return this.#reached(end.reached, []);
    if (end.text !== '') this.#text = end.text;
    return this.#stopped(acceptPartial(this.#run, this.#ordinal, end));
  }

  /** The run was stopped: by its own limit of time, or from outside, where whoever did it says so. */
  #stopped(events: readonly JournalEvent[]): RunResult {
    const { reached } = this.#run.clock;
    return reached ? this.#reached(reached, events) : this.#result({ error: 'The run was stopped', events });
  }

  #reached(reached: ReachedLimit, events: readonly JournalEvent[]): RunResult {
    if (reached.measure === 'steps') return this.#outOfSteps(reached.limit);
    const error = describeReached(reached, this.#run.limits);
    const { scope, measure, limit, used } = reached;
    const event = { type: 'budget.exceeded', data: { scope, measure, limit, used, message: error } } as const;
    return this.#result({ error, events: [...events, event], isLimit: true });
  }

  /** As many model calls as were asked for: the end, and no failure. */
  #outOfSteps(steps: number): RunResult {
    const message = `The run ended after ${steps} model ${steps === 1 ? 'call' : 'calls'}, the most that were asked for.`;
    const result = this.#result({ error: null, events: [{ type: 'warning.raised', data: { message } }] });
    return { ...result, outcome: { ...result.outcome, subtype: 'max_turns' } };
  }

  #result(parts: {
    readonly error: string | null;
    readonly events: readonly JournalEvent[];
    readonly structuredOutput?: unknown;
    readonly isLimit?: boolean;
    readonly fault?: 'provider';
  }): RunResult {
    const { error, events, structuredOutput, isLimit, fault } = parts;
    return {
      state: error === null ? 'complete' : 'failed',
      error,
      events,
      outcome: {
        text: this.#text,
        subtype: error === null ? 'success' : isLimit ? 'budget_exceeded' : 'error',
        isError: error !== null,
        ...this.#run.tally.toFigures(),
        ...(structuredOutput === undefined ? {} : { structuredOutput }),
        ...(fault === undefined ? {} : { fault }),
      },
    };
  }
}

/** The question; or all that was said to the run at its beginning, where that is more. */
const openingMessages = async ({ job, services }: RunParts['context']): Promise<ModelMessage[]> => {
  const opening = await services.opening();
  if (opening === null) return [{ role: 'user', content: job.question }];
  return historyMessages({ summary: null, messages: opening });
};

const toModelTool = ({ name, description, inputSchema }: Tool) => ({ name, description, inputSchema });

/** What people should know about an answer that counts all the same. */
const warningsOf = ({ finish, call }: StoredResponse): JournalEvent[] => {
  const cut = finish === 'length' ? ['The answer was cut at the longest that one call may give.'] : [];
  const filtered = finish === 'content_filter' ? ['The provider filtered the answer.'] : [];
  const unpriced =
    call.costMicros === null ? [`The price of ${call.provider}/${call.model} is unknown, and so is the cost.`] : [];
  return [...cut, ...filtered, ...unpriced].map((message) => ({ type: 'warning.raised', data: { message } }));
};
