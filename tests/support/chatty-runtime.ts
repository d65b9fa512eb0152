import type { RunContext, RunResult, Runtime } from '../../src/runtimes/runtime.ts';

/**
 * Stands in for the echo runtime and writes as many events as its input says, in commits of different sizes. `gate` is
 * awaited before the second half, so that a test can be sure to look while the job runs.
 */
export const chattyRuntime = (gate: (context: RunContext) => Promise<void> = () => Promise.resolve()): Runtime => ({
  name: 'echo',
  async run(context: RunContext): Promise<RunResult> {
    const total = Number(context.job.question);
    for (let written = 0; written < total; ) {
      const count = Math.min(total - written, 1 + (written % 7));
      await context.write(Array.from({ length: count }, (_, place) => toEvent(written + place)));
      if (written < total / 2 && written + count >= total / 2) await gate(context);
      written += count;
    }
    const outcome = { subtype: 'success', isError: false, turns: 1, toolCalls: 0, apiDurationMs: 0 } as const;
    return {
      state: 'complete',
      error: null,
      events: [],
      outcome: { ...outcome, text: null, usage: null, costMicros: null, models: [] },
    };
  },
});

const toEvent = (number: number) =>
  number % 5 === 0
    ? ({
        type: 'message.created',
        message: { role: 'assistant', content: [{ type: 'text', text: `m${number}\n\n` }] },
      } as const)
    : ({ type: 'output.written', data: { step: 1, stream: 'stdout', text: `line ${number}\r\n\u2028` } } as const);
