import { z } from 'zod';
import type { JournalEvent } from '../../src/core/journal.ts';
import type { RunContext, RunResult, Runtime } from '../../src/runtimes/runtime.ts';
import { runResult } from './node.ts';

const callsSchema = z.array(
  z.object({ model: z.string(), cost: z.number().nullable(), tokens: z.number().nullable() }),
);

/** One model call that a job is to pay; cost in micro-dollars, null where the price is unknown. */
export type PaidCall = z.infer<typeof callsSchema>[number];

/**
 * Stands in for the runtime of models: its input lists the calls that it pays, as JSON. It holds money before each, as the
 * real one does, and fails at a limit.
 */
export const paidRuntime: Runtime = {
  name: 'llm',
  async run(context: RunContext): Promise<RunResult> {
    const calls = callsSchema.parse(JSON.parse(context.job.question));
    for (const [place, call] of calls.entries()) {
      const hold = await context.services.holdSpend({ wantedMicros: call.cost ?? 1, leastMicros: call.cost ?? 1 });
      if ('reached' in hold)
        return { ...runResult(''), state: 'failed', error: `Budget exceeded (${hold.reached.scope})` };
      await context.write([toEvent(call, place + 1)]);
    }
    return runResult('paid');
  },
};

const toEvent = ({ model, cost, tokens }: PaidCall, ordinal: number): JournalEvent => ({
  type: 'step.finished',
  data: { ordinal },
  step: { ordinal, kind: 'model', name: model, state: 'finished', input: null, output: null },
  modelCall: {
    provider: 'openai',
    model,
    usage:
      tokens === null
        ? null
        : {
            inputTokens: tokens,
            cacheReadTokens: 2,
            cacheWriteTokens: 1,
            outputTokens: tokens * 2,
            reasoningTokens: 3,
          },
    costMicros: cost,
    durationMs: 12,
  },
});
