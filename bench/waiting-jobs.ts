import { echoRuntime } from '../src/runtimes/echo/echo-runtime.ts';
import type { Runtime } from '../src/runtimes/runtime.ts';
import { type BenchServer, startBenchNode, submit } from './bench-node.ts';
import { settledMemory } from './settled-memory.ts';

/** Memory of jobs that run on one node and wait, as for an answer of a model. */
export const benchWaitingJobs = async (server: BenchServer, jobs: number): Promise<string[]> => {
  const released = Promise.withResolvers<void>();
  let waiting = 0;
  const allWait = Promise.withResolvers<void>();
  const waitingRuntime: Runtime = {
    name: 'echo',
    run: async (context) => {
      waiting += 1;
      if (waiting === jobs) allWait.resolve();
      await released.promise;
      return await echoRuntime.run(context);
    },
  };
  const node = await startBenchNode({
    server,
    databaseUrl: await server.createDatabase(),
    flags: { runnerConcurrency: String(jobs), tenantConcurrency: String(jobs) },
    extraRuntimes: [waitingRuntime],
  });
  try {
    await submit(node, { tenantId: 'warm', agent: 'echo', question: 'warm' });
    const before = settledMemory();
    const submitAll = async (): Promise<void> => {
      let next = 1;
      const client = async (): Promise<void> => {
        while (next < jobs) {
          next += 1;
          await submit(node, { tenantId: `tenant-${next % 20}`, agent: 'echo', question: `hello ${next}` });
        }
      };
      await Promise.all(Array.from({ length: 100 }, client));
    };
    await submitAll();
    await allWait.promise;
    const after = settledMemory();
    const heap = (after.heap - before.heap) / jobs / 1_024;
    const resident = (after.resident - before.resident) / jobs / 1_024;
    released.resolve();
    return [
      `${jobs.toLocaleString('en-US')} waiting jobs on one node   heap ${heap.toFixed(1)} kB each, resident ${resident.toFixed(1)} kB each`,
    ];
  } finally {
    released.resolve();
    await node.stop();
  }
};
