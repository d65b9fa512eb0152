import { echoRuntime } from '../src/runtimes/echo/echo-runtime.ts';
import type { Runtime } from '../src/runtimes/runtime.ts';
import { type BenchServer, startBenchNode, submit } from './bench-node.ts';
import { showRates } from './statistics.ts';

const STEPS_PER_JOB = 20;

/** Journaled steps: each is a `started` commit, then a `finished` commit, one after the other within a job. */
export const benchSteps = async (server: BenchServer, jobs: number): Promise<string[]> => {
  const stepping: Runtime = {
    name: 'echo',
    run: async (context) => {
      for (let ordinal = 1; ordinal <= STEPS_PER_JOB; ordinal += 1) {
        const step = { ordinal, kind: 'tool', name: 'bench', input: null } as const;
        await context.write([{ type: 'step.started', step: { ...step, state: 'started', output: null } }]);
        await context.write([{ type: 'step.finished', step: { ...step, state: 'finished', output: { ok: true } } }]);
      }
      return { ...(await echoRuntime.run(context)), events: [] };
    },
  };
  const node = await startBenchNode({ server, databaseUrl: await server.createDatabase(), extraRuntimes: [stepping] });
  try {
    const rates: number[] = [];
    for (let round = 0; round < 4; round += 1) {
      const ended = Promise.withResolvers<void>();
      let left = jobs;
      const stopListening = node.engine?.onJobEnded(() => {
        left -= 1;
        if (left === 0) ended.resolve();
      });
      const startedAt = performance.now();
      await Promise.all(
        Array.from({ length: jobs }, async (_, number) => {
          await submit(node, { tenantId: `tenant-${number % 20}`, agent: 'echo', question: 'step' });
        }),
      );
      await ended.promise;
      stopListening?.();
      if (round > 0) rates.push(((jobs * STEPS_PER_JOB) / (performance.now() - startedAt)) * 1_000);
    }
    return [`steps, each started and finished durably, ${jobs} jobs at once   ${showRates(rates)}`];
  } finally {
    await node.stop();
  }
};
