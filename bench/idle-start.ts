import { echoRuntime } from '../src/runtimes/echo/echo-runtime.ts';
import type { RunContext, Runtime } from '../src/runtimes/runtime.ts';
import { type BenchServer, startBenchNode, submit } from './bench-node.ts';
import { showSpread, spreadOf } from './statistics.ts';

/** Time from handing a job over to its runtime being called, one job at a time on an idle node. */
export const benchIdleStart = async (server: BenchServer, samples: number): Promise<string[]> => {
  const started = new Map<string, () => void>();
  // Echo's own work, with a mark at the moment when the runtime is called: after the claim is committed.
  const marked: Runtime = {
    name: 'echo',
    run: async (context: RunContext): ReturnType<Runtime['run']> => {
      started.get(context.job.question)?.();
      return await echoRuntime.run(context);
    },
  };
  const node = await startBenchNode({ server, databaseUrl: await server.createDatabase(), extraRuntimes: [marked] });
  try {
    const latencies: number[] = [];
    for (let number = -20; number < samples; number += 1) {
      const question = `idle ${number}`;
      const { promise, resolve } = Promise.withResolvers<void>();
      started.set(question, resolve);
      const submittedAt = performance.now();
      await submit(node, { tenantId: 'idle', agent: 'echo', question });
      await promise;
      // The first ones warm the plans and the compiler.
      if (number >= 0) latencies.push(performance.now() - submittedAt);
      started.delete(question);
      await new Promise((done) => setTimeout(done, 5 + Math.random() * 20));
    }
    return [`idle submit → started (${samples} jobs, one at a time)   ${showSpread(spreadOf(latencies), 'ms')}`];
  } finally {
    await node.stop();
  }
};
