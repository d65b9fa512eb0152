import { randomBytes, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { BatchDraft } from '../src/actions/batch-draft.ts';
import { createBatch } from '../src/actions/create-batch.ts';
import { createProfile } from '../src/actions/create-profile.ts';
import type { Node } from '../src/app/node.ts';
import type { Batch } from '../src/core/batch.ts';
import { echoRuntime } from '../src/runtimes/echo/echo-runtime.ts';
import type { Runtime } from '../src/runtimes/runtime.ts';
import { getBatch } from '../src/storage/batches.ts';
import { type BenchServer, benchPrincipal, startBenchNode, submit } from './bench-node.ts';
import { forgetPeak, memoryOf } from './process-memory.ts';
import { showSpread, spreadOf } from './statistics.ts';

const TENANT = 'batches';
const ITEMS_OF_AN_AGENT = 10;
const CLIENTS = 50;
const MEBIBYTE = 1024 * 1024;

/** A batch of echo items: how long it takes, and how long other work waits for its start meanwhile. */
export const benchBatch = async (server: BenchServer, items: number): Promise<string[]> => {
  const started = new Map<string, () => void>();
  const runtime: Runtime = {
    name: 'echo',
    run: async (context) => {
      started.get(context.job.question)?.();
      return await echoRuntime.run(context);
    },
  };
  const flags = { batchLimit: '50000' };
  const databaseUrl = await server.createDatabase();
  const node = await startBenchNode({ server, databaseUrl, flags, extraRuntimes: [runtime] });
  try {
    const agents = await makeAgents(node, Math.ceil(items / ITEMS_OF_AN_AGENT));
    const before = await memoryOf(process.pid, 'VmRSS');
    await forgetPeak(process.pid);
    const begunAt = performance.now();
    const created = await hand(node, agents, items);
    const acceptedAt = performance.now();
    let done: Batch | undefined;
    const ended = followEnd(node, created.id).then((batch) => {
      done = batch;
    });
    const latencies: Record<string, number[]> = { [TENANT]: [], other: [] };
    while (!done) {
      for (const tenantId of Object.keys(latencies)) latencies[tenantId]?.push(await startOne(node, tenantId, started));
      await delay(10);
    }
    await ended;
    const seconds = (performance.now() - begunAt) / 1_000;
    const growth = (await memoryOf(process.pid, 'VmHWM')) - before;
    const { total, succeeded } = done.counts;
    const size = items.toLocaleString('en-US');
    return [
      `a batch of ${size} echo items over ${agents.length.toLocaleString('en-US')} agents   ${seconds.toFixed(1)} s, ${Math.round(items / seconds).toLocaleString('en-US')} items/s, ${succeeded} of ${total} succeeded`,
      `  taken in                                ${Math.round(acceptedAt - begunAt)} ms`,
      `  memory of client and server             ${Math.round(before / MEBIBYTE)} MiB before, at most ${Math.round(growth / MEBIBYTE)} MiB more`,
      `  submit → started, the same tenant       ${showSpread(spreadOf(latencies[TENANT] ?? []), 'ms')}`,
      `  submit → started, another tenant        ${showSpread(spreadOf(latencies['other'] ?? []), 'ms')}`,
    ];
  } finally {
    await node.stop();
  }
};

const makeAgents = async (node: Node, count: number): Promise<readonly string[]> => {
  const ids: string[] = [];
  const rest = { instructions: null, description: null, tags: [], metadata: null, timezone: 'UTC', blocks: [] };
  const fields = { model: 'kazi/echo', name: 'bench', ...rest };
  const client = async (): Promise<void> => {
    while (ids.length < count) ids.push(await createProfile(node.context, benchPrincipal(TENANT), fields));
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return ids;
};

const hand = async (node: Node, agents: readonly string[], items: number): Promise<Batch> => {
  const draft = new BatchDraft(items);
  const nobody = { name: null, senderId: null, groupId: null };
  for (let number = 0; number < items; number += 1) {
    const content = [{ type: 'text', text: `item ${number}` }] as const;
    const input = { id: randomUUID(), role: 'user', content, otid: randomUUID(), ...nobody } as const;
    draft.add({ profileId: agents[number % agents.length] ?? '', inputs: [input], maxSteps: 50 }, 200);
  }
  const { batch } = await createBatch(node.context, benchPrincipal(TENANT), {
    draft,
    callbackUrl: null,
    idempotencyScope: null,
    hash: randomBytes(32),
    isRetry: false,
    itemFault: null,
    countRequest: async () => await Promise.resolve(),
  });
  return batch;
};

const followEnd = async (node: Node, id: string): Promise<Batch> => {
  for (;;) {
    const batch = await getBatch(node.context.db, id);
    if (batch && batch.status !== 'running') return batch;
    await delay(50);
  }
};

const startOne = async (node: Node, tenantId: string, started: Map<string, () => void>): Promise<number> => {
  const question = randomUUID();
  const { promise, resolve } = Promise.withResolvers<void>();
  started.set(question, resolve);
  const submittedAt = performance.now();
  await submit(node, { tenantId, agent: 'echo', question });
  await promise;
  started.delete(question);
  return performance.now() - submittedAt;
};
