import { setTimeout as pause } from 'node:timers/promises';
import { type BareCall, type BenchModel, bareCallOf, startAgentNode, startBenchModel } from './agent-node.ts';
import { type BenchServer, submit } from './bench-node.ts';
import { type Memory, settledMemory } from './settled-memory.ts';

const TARGET_KILOBYTES = 100;
const WARM_CALLS = 20;
/** Between two tokens. */
const TOKEN_MS = 3_000;

/** One token every few seconds for several minutes: longer than the measurement takes. */
const SLOW_ANSWER = {
  text: 'word '.repeat(200),
  chunkCharacters: 5,
  tokenDelayMs: TOKEN_MS,
};

interface Waiting {
  readonly startedMs: number;
  /** Of each, in kB. */
  readonly heap: number;
  readonly resident: number;
  /** CPU time of the process for each second of waiting. */
  readonly cpuShare: number;
}

/** Memory and time of jobs whose model takes long to answer, on one node; and of as many bare calls of the model. */
export const benchAgentsWaiting = async (
  server: BenchServer,
  load: { readonly jobs: number; readonly seconds: number },
): Promise<string[]> => {
  const model = await startBenchModel(server, [SLOW_ANSWER]);
  try {
    // First, because a process hardly gives memory back: the bare calls find what the jobs have left.
    const jobs = await waitWithJobs(server, model, load);
    const calls = await waitWithCalls(model, load);
    const count = load.jobs.toLocaleString('en-US');
    return [
      `${count} llm jobs waiting on slow streams   heap ${show(jobs.heap)} each (target ≤ ${TARGET_KILOBYTES} kB), resident ${show(jobs.resident)} each`,
      `  the same number of bare calls        heap ${show(calls.heap)} each; the job's own share ${show(jobs.heap - calls.heap)}`,
      `  all streaming after ${(jobs.startedMs / 1_000).toFixed(1)} s (bare calls ${(calls.startedMs / 1_000).toFixed(1)} s); CPU of the node while they wait, a token each every ${TOKEN_MS / 1_000} s   ${percent(jobs.cpuShare)} of a core (bare calls ${percent(calls.cpuShare)})`,
    ];
  } finally {
    await model.stop();
  }
};

const waitWithJobs = async (
  server: BenchServer,
  model: BenchModel,
  load: { readonly jobs: number; readonly seconds: number },
): Promise<Waiting> => {
  const most = String(load.jobs + WARM_CALLS);
  const node = await startAgentNode(server, model, {
    // The jobs are not seen to their end: that would take minutes.
    flags: { runnerConcurrency: most, tenantConcurrency: most, drainMs: '0' },
  });
  try {
    return await measure(model, load, async (number) => {
      await submit(node, { tenantId: `tenant-${number % 20}`, agent: 'default', question: `hello ${number}` });
    });
  } finally {
    await node.stop();
  }
};

const waitWithCalls = async (
  model: BenchModel,
  load: { readonly jobs: number; readonly seconds: number },
): Promise<Waiting> => {
  const bare = bareCallOf(model);
  const stopping = new AbortController();
  const ended: Promise<void>[] = [];
  try {
    return await measure(model, load, async (number) => {
      ended.push(callUntilStopped(bare, `hello ${number}`, stopping.signal));
      await pause();
    });
  } finally {
    stopping.abort();
    await Promise.all(ended);
  }
};

const callUntilStopped = async (
  { model, system, tools }: BareCall,
  content: string,
  signal: AbortSignal,
): Promise<void> => {
  const messages = [{ role: 'user', content }] as const;
  const request = { system, messages, tools, outputSchema: null, maxOutputTokens: 16_384, signal };
  await model.call({ ...request, onDelta: () => undefined }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
};

/** Starts them, waits until all stream, and looks at what the process holds and does from then on. */
const measure = async (
  model: BenchModel,
  load: { readonly jobs: number; readonly seconds: number },
  start: (number: number) => Promise<void>,
): Promise<Waiting> => {
  const openBefore = await model.countOpen();
  await startAll(WARM_CALLS, start);
  await untilOpen(model, openBefore + WARM_CALLS);
  const before: Memory = settledMemory();
  const startedAt = performance.now();
  await startAll(load.jobs, start);
  await untilOpen(model, openBefore + WARM_CALLS + load.jobs);
  const startedMs = performance.now() - startedAt;
  // Each has said its first words by then.
  await pause(TOKEN_MS * 1.2);
  const cpuBefore = process.cpuUsage();
  await pause(load.seconds * 1_000);
  const cpu = process.cpuUsage(cpuBefore);
  const after = settledMemory();
  const perJob = (bytes: (memory: Memory) => number): number => (bytes(after) - bytes(before)) / load.jobs / 1_000;
  return {
    startedMs,
    heap: perJob(({ heap }) => heap),
    resident: perJob(({ resident }) => resident),
    cpuShare: (cpu.user + cpu.system) / 1_000_000 / load.seconds,
  };
};

const startAll = async (count: number, start: (number: number) => Promise<void>): Promise<void> => {
  let next = 0;
  const client = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      await start(next);
    }
  };
  await Promise.all(Array.from({ length: 50 }, client));
};

const untilOpen = async (model: BenchModel, count: number): Promise<void> => {
  while ((await model.countOpen()) < count) await pause(100);
};

const show = (kilobytes: number): string => `${kilobytes.toFixed(1)} kB`;
const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;
