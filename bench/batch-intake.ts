import type { BenchServer } from './bench-node.ts';
import { forgetPeak, memoryOf } from './process-memory.ts';
import { type ServedKazi, serveKazi } from './served.ts';

const AGENTS = 500;
const CLIENTS = 20;
const MEBIBYTE = 1024 * 1024;
/** Bytes that the client writes at a time. */
const CHUNK_BYTES = 256 * 1024;

/** How long a server takes a large batch in, and how much its memory grows meanwhile. It runs none of the items. */
export const benchBatchIntake = async (
  server: BenchServer,
  loads: readonly { readonly items: number; readonly mebibytes: number }[],
): Promise<string[]> => {
  const lines: string[] = [];
  for (const { items, mebibytes } of loads) {
    const env = { KAZI_ROLE: 'api', KAZI_BATCH_LIMIT: '50000' };
    const kazi = await serveKazi(server, { clients: CLIENTS, env });
    try {
      const agents = await makeAgents(kazi);
      // The first batch warms plans and code.
      await kazi.post('/v1/messages/batches', bodyOf(agents, 1_000, MEBIBYTE));
      const before = await memoryOf(kazi.pid, 'VmRSS');
      await forgetPeak(kazi.pid);
      const startedAt = performance.now();
      const counter = { bytes: 0 };
      await kazi.post('/v1/messages/batches', bodyOf(agents, items, mebibytes * MEBIBYTE, counter));
      const seconds = (performance.now() - startedAt) / 1_000;
      const growth = (await memoryOf(kazi.pid, 'VmHWM')) - before;
      const times = (growth / counter.bytes).toFixed(2);
      lines.push(
        `a batch of ${items.toLocaleString('en-US')} items in ${Math.round(counter.bytes / MEBIBYTE)} MiB taken in   ${seconds.toFixed(1)} s, memory ${Math.round(before / MEBIBYTE)} MiB and at most ${Math.round(growth / MEBIBYTE)} MiB more: ${times} × the body`,
      );
    } finally {
      await kazi.stop();
    }
  }
  return lines;
};

const makeAgents = async (kazi: ServedKazi): Promise<readonly string[]> => {
  const ids: string[] = [];
  const client = async (): Promise<void> => {
    while (ids.length < AGENTS) {
      const agent = await kazi.post('/v1/agents', ['{"model":"kazi/echo"}']);
      ids.push(String(agent['id']));
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  return ids;
};

/** The JSON of a batch in chunks; it is never whole in memory here either. */
function* bodyOf(
  agents: readonly string[],
  items: number,
  bytes: number,
  counter: { bytes: number } = { bytes: 0 },
): Generator<string> {
  const text = 'x'.repeat(Math.max(1, Math.floor(bytes / items) - 80));
  let chunk = '{"requests":[';
  for (let number = 0; number < items; number += 1) {
    chunk += `${number === 0 ? '' : ','}{"agent_id":"${agents[number % agents.length]}","input":"${text}"}`;
    if (chunk.length < CHUNK_BYTES) continue;
    counter.bytes += chunk.length;
    yield chunk;
    chunk = '';
  }
  chunk += ']}';
  counter.bytes += chunk.length;
  yield chunk;
}
