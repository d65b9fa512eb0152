import type { RunContext, RunResult, Runtime } from '../runtime.ts';

/** Answers with its input, as one journaled step that commits together with the end of the job. */
export const echoRuntime: Runtime = {
  name: 'echo',
  async run(context: RunContext): Promise<RunResult> {
    const text = context.job.question;
    const content = [{ type: 'text', text }] as const;
    return await Promise.resolve({
      state: 'complete',
      error: null,
      events: [
        {
          type: 'step.finished',
          data: { ordinal: 1, name: 'echo' },
          step: { ordinal: 1, kind: 'tool', name: 'echo', state: 'finished', input: null, output: null },
        },
        { type: 'message.created', message: { role: 'assistant', content } },
      ],
      outcome: {
        text,
        subtype: 'success',
        isError: false,
        turns: 1,
        toolCalls: 0,
        apiDurationMs: 0,
        usage: null,
        costMicros: 0,
        models: [],
      },
    });
  },
};
