import type { JobOutcome } from '../../core/job.ts';
import type { ModelCall } from '../../core/model-call.ts';

/** What the steps of a job add up to, whether they were run now or read from the journal. */
export class Tally {
  #modelCalls = 0;
  #toolCalls = 0;
  #inputTokens = 0;
  #outputTokens = 0;
  #hasUnknownUsage = false;
  #costMicros: number | null = 0;
  #apiMs = 0;
  readonly #models = new Set<string>();

  get modelCalls(): number {
    return this.#modelCalls;
  }

  addModelCall(call: ModelCall): void {
    this.#modelCalls += 1;
    this.#apiMs += call.durationMs;
    this.#models.add(`${call.provider}/${call.model}`);
    // One unknown price makes the sum unknown: a part of it would read as the whole.
    this.#costMicros =
      this.#costMicros === null || call.costMicros === null ? null : this.#costMicros + call.costMicros;
    if (call.usage === null) this.#hasUnknownUsage = true;
    this.#inputTokens += call.usage?.inputTokens ?? 0;
    this.#outputTokens += call.usage?.outputTokens ?? 0;
  }

  addToolCall(): void {
    this.#toolCalls += 1;
  }

  /** The figures of the job's outcome. */
  toFigures(): Pick<JobOutcome, 'turns' | 'toolCalls' | 'apiDurationMs' | 'usage' | 'costMicros' | 'models'> {
    const usage = {
      requests: this.#modelCalls,
      input_tokens: this.#inputTokens,
      output_tokens: this.#outputTokens,
      total_tokens: this.#inputTokens + this.#outputTokens,
    };
    return {
      turns: this.#modelCalls,
      toolCalls: this.#toolCalls,
      apiDurationMs: Math.round(this.#apiMs),
      usage: this.#hasUnknownUsage ? null : usage,
      costMicros: this.#costMicros,
      models: [...this.#models],
    };
  }
}
