import type { BenchServer } from './bench-node.ts';
import { type ServedKazi, serveKazi } from './served.ts';
import { showRates, showSpread, spreadOf } from './statistics.ts';

const CLIENTS = 64;
const ROUNDS = 3;

/** Echo jobs over HTTP, accepted and run at the same time: server, database and client share the machine. */
export const benchOverHttp = async (server: BenchServer, jobs: number): Promise<string[]> => {
  const kazi = await serveKazi(server, { clients: CLIENTS });
  try {
    const accepted: number[] = [];
    const done: number[] = [];
    await burst(kazi, Math.min(jobs, 2_000));
    for (let round = 0; round < ROUNDS; round += 1) {
      const { acceptedPerSecond, donePerSecond } = await burst(kazi, jobs);
      accepted.push(acceptedPerSecond);
      done.push(donePerSecond);
    }
    return [
      `enqueue over HTTP, ${CLIENTS} clients, while the jobs run   ${showRates(accepted)}`,
      `echo jobs end to end over HTTP (first submit → last end)   ${showRates(done)}`,
    ];
  } finally {
    await kazi.stop();
  }
};

const burst = async (kazi: ServedKazi, jobs: number): Promise<{ acceptedPerSecond: number; donePerSecond: number }> => {
  const startedAt = performance.now();
  let next = 0;
  const client = async (): Promise<void> => {
    while (next < jobs) {
      next += 1;
      await kazi.submit(`hello ${next}`);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  const acceptedAt = performance.now();
  while (await hasOpenJobs(kazi)) await new Promise((resolve) => setTimeout(resolve, 10));
  const endedAt = performance.now();
  return {
    acceptedPerSecond: (jobs / (acceptedAt - startedAt)) * 1_000,
    donePerSecond: (jobs / (endedAt - startedAt)) * 1_000,
  };
};

const hasOpenJobs = async (kazi: ServedKazi): Promise<boolean> => {
  const page = (await kazi.get('/jobs?status=queued,running&limit=1')) as { jobs: unknown[] };
  return page.jobs.length > 0;
};

/** Time to the answer of /submit at a fixed rate that does not wait for slow answers (open loop). */
export const benchAccept = async (
  server: BenchServer,
  load: { perSecond: number; seconds: number },
): Promise<string[]> => {
  const kazi = await serveKazi(server, { clients: 256 });
  try {
    await burst(kazi, 500);
    const latencies: number[] = [];
    const startedAt = performance.now();
    const pending: Promise<void>[] = [];
    const total = load.perSecond * load.seconds;
    while (pending.length < total) {
      const due = Math.min(total, Math.floor(((performance.now() - startedAt) / 1_000) * load.perSecond));
      // Timed from when the request was due, so that a stall of the client is not hidden.
      while (pending.length < due) {
        const dueAt = startedAt + (pending.length / load.perSecond) * 1_000;
        pending.push(
          kazi.submit('hello').then(() => {
            latencies.push(performance.now() - dueAt);
          }),
        );
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await Promise.all(pending);
    return [
      `accept at ${load.perSecond}/s for ${load.seconds} s (jobs run too)   ${showSpread(spreadOf(latencies), 'ms')}`,
    ];
  } finally {
    await kazi.stop();
  }
};
