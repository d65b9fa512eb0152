import { echoRuntime } from '../src/runtimes/echo/echo-runtime.ts';
import type { Runtime } from '../src/runtimes/runtime.ts';
import { type BenchServer, startBenchNode, submit } from './bench-node.ts';
import { showSpread, spreadOf } from './statistics.ts';

/** What the crowd's tenants do meanwhile. `parked`: they sit at their cap; `busy`: their jobs keep both cores saturated. */
export type Crowd = 'parked' | 'busy';

const BIG_TENANT = 'crowd-0';

/** How long another tenant's first job waits behind a crowd of queued jobs, from submit to its runtime being called. */
export const benchFairness = async (
  server: BenchServer,
  load: { readonly crowd: Crowd; readonly queued: number; readonly tenants: number; readonly samples: number },
): Promise<string[]> => {
  const released = Promise.withResolvers<void>();
  const started = new Map<string, () => void>();
  const runtime: Runtime = {
    name: 'echo',
    run: async (context) => {
      const mark = started.get(context.job.question);
      mark?.();
      if (mark === undefined && load.crowd === 'parked') await released.promise;
      return await echoRuntime.run(context);
    },
  };
  const node = await startBenchNode({ server, databaseUrl: await server.createDatabase(), extraRuntimes: [runtime] });
  const stopped = new AbortController();
  try {
    const crowdTenant = (number: number): string =>
      load.tenants === 1 ? BIG_TENANT : `crowd-${number % load.tenants}`;
    let next = 0;
    const feed = async (): Promise<void> => {
      while (next < load.queued && !stopped.signal.aborted) {
        next += 1;
        await submit(node, { tenantId: crowdTenant(next), agent: 'echo', question: 'crowd' });
      }
    };
    const feeding = Promise.all(Array.from({ length: 200 }, feed));
    if (load.crowd === 'parked') await feeding;
    // The first fifth warms the plans and the compiler.
    else while (next < load.queued / 5) await new Promise((resolve) => setTimeout(resolve, 10));
    const latencies: number[] = [];
    for (let number = 0; number < load.samples; number += 1) {
      const question = `first ${number}`;
      const { promise, resolve } = Promise.withResolvers<void>();
      started.set(question, resolve);
      const submittedAt = performance.now();
      // Each sample is a tenant that was never seen before.
      await submit(node, { tenantId: `newcomer-${number}`, agent: 'echo', question });
      await promise;
      latencies.push(performance.now() - submittedAt);
      await new Promise((done) => setTimeout(done, 10 + Math.random() * 20));
    }
    stopped.abort();
    const what = `${load.queued.toLocaleString('en-US')} jobs of ${load.tenants} ${load.tenants === 1 ? 'tenant' : 'tenants'}`;
    const how = load.crowd === 'parked' ? 'queued at the cap' : 'accepted and run, both cores busy';
    return [`a new tenant's first job, ${what} ${how}   ${showSpread(spreadOf(latencies), 'ms')}`];
  } finally {
    stopped.abort();
    released.resolve();
    await node.stop();
  }
};
