import { setTimeout as delay } from 'node:timers/promises';
import type { RunContext, Runtime } from '../src/runtimes/runtime.ts';
import { startBenchApp } from './bench-app.ts';
import type { BenchServer } from './bench-node.ts';
import { settledMemory } from './settled-memory.ts';
import { type SubscriberReport, Subscribers } from './subscribers.ts';

const PROCESSES = 2;
const PER_SECOND = 100;

export interface FanOutLoad {
  readonly subscribers: number;
  readonly seconds: number;
}

/** One job that many follow by SSE: whether each event comes once and in order, how late, and what a follower costs. */
export const benchSseFanOut = async (server: BenchServer, load: FanOutLoad): Promise<string[]> => {
  const { subscribers, seconds } = load;
  const gate = Promise.withResolvers<void>();
  const events = PER_SECOND * seconds;
  const runtime: Runtime = { name: 'echo', run: async (context) => await emit(context, events, gate.promise) };
  const app = await startBenchApp({ server, databaseUrl: await server.createDatabase(), extraRuntimes: [runtime] });
  const { url, apiKey } = app;
  const running: Subscribers[] = [];
  try {
    const path = `/jobs/${await submit(url, apiKey)}/events`;
    const start = async (count: number): Promise<void> => {
      running.push(await Subscribers.start({ kind: 'sse', url, apiKey, paths: Array<string>(count).fill(path) }));
    };
    await start(1);
    const before = settledMemory();
    for (let number = 0; number < PROCESSES; number += 1) await start(subscribers / PROCESSES);
    const after = settledMemory();
    const cpuBefore = process.cpuUsage();
    gate.resolve();
    const reports = await Promise.all(running.map(async (process) => await process.report()));
    const { user, system } = process.cpuUsage(cpuBefore);
    const deliveries = reports.flatMap(({ counts }) => counts).reduce((sum, count) => sum + count, 0);
    const cpuMicros = (user + system) / deliveries;
    const heap = (after.heap - before.heap) / subscribers / 1_024;
    const resident = (after.resident - before.resident) / subscribers / 1_024;
    return [
      describe(reports, load),
      `  a subscriber takes   heap ${heap.toFixed(1)} kB, resident ${resident.toFixed(1)} kB; the server ${cpuMicros.toFixed(1)} µs of CPU a delivery`,
    ];
  } finally {
    gate.resolve();
    for (const process of running) await process.stop();
    await app.stop();
  }
};

/** Writes one event at a time, each when it is due. */
const emit = async (context: RunContext, events: number, gate: Promise<void>): ReturnType<Runtime['run']> => {
  await gate;
  const startedAt = performance.now();
  for (let number = 0; number < events; number += 1) {
    const waitMs = startedAt + (number * 1_000) / PER_SECOND - performance.now();
    if (waitMs > 1) await delay(waitMs);
    await context.write([{ type: 'output.written', data: { step: 1, stream: 'stdout', text: `line ${number}` } }]);
  }
  const outcome = { subtype: 'success', isError: false, turns: 1, toolCalls: 0, apiDurationMs: 0 } as const;
  return {
    state: 'complete',
    error: null,
    events: [],
    outcome: { ...outcome, text: null, usage: null, costMicros: 0, models: [] },
  };
};

const submit = async (url: string, apiKey: string): Promise<string> => {
  const body = JSON.stringify({ question: 'emit', agent_type: 'echo' });
  const headers = { authorization: `Bearer ${apiKey}` };
  const answer = await fetch(`${url}/submit`, { method: 'POST', headers, body });
  return ((await answer.json()) as { job_id: string }).job_id;
};

const describe = (reports: readonly SubscriberReport[], { subscribers, seconds }: FanOutLoad): string => {
  const counts = reports.flatMap((report) => report.counts);
  const most = Math.max(...counts);
  const missing = counts.reduce((sum, count) => sum + most - count, 0);
  const disorders = reports.reduce((sum, report) => sum + report.disorders, 0);
  const delays = (reports[0]?.delays ?? []).map((_, ms) =>
    reports.reduce((sum, report) => sum + (report.delays[ms] ?? 0), 0),
  );
  const total = delays.reduce((sum, count) => sum + count, 0);
  const at = (share: number): number => {
    let seen = 0;
    return delays.findIndex((count) => (seen += count) >= share * total);
  };
  return `${subscribers.toLocaleString('en-US')} SSE subscribers of one job, ${PER_SECOND} events/s for ${seconds} s   ${most} events each, ${missing} missing, ${disorders} out of order; delivery p50 ${at(0.5)} p99 ${at(0.99)} max ${at(1)} ms`;
};
