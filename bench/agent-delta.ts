import { startAgentNode, startBenchModel } from './agent-node.ts';
import type { BenchServer } from './bench-node.ts';
import { type ServedKazi, serveKazi } from './served.ts';
import { showSpread, spreadOf } from './statistics.ts';

const TARGET_MS = 50;
const WARM_JOBS = 10;

/** Slow enough at its start that the follower is there before the first word. */
const ANSWER = { text: 'word '.repeat(10), chunkCharacters: 5, delayMs: 100, tokenDelayMs: 30 };

/**
 * From the commit of a job's first delta, which this node runs, to its arrival at a client of another node that handed
 * the job over and reads its stream over HTTP. An event is stamped as it is inserted, so the time of the commit itself is counted too.
 */
export const benchAgentsDelta = async (server: BenchServer, jobs: number): Promise<string[]> => {
  const databaseUrl = await server.createDatabase();
  const model = await startBenchModel(server, [ANSWER]);
  const node = await startAgentNode(server, model, { databaseUrl });
  const other = await serveKazi(server, { clients: 8, env: { DATABASE_URL: databaseUrl, KAZI_ROLE: 'api' } });
  try {
    const latencies: number[] = [];
    for (let number = -WARM_JOBS; number < jobs; number += 1) {
      const latency = await firstDelta(other, await other.submit(`speak ${number}`, 'default'));
      if (number >= 0) latencies.push(latency);
    }
    return [
      `first delta, insert → subscriber on another node   ${showSpread(spreadOf(latencies), 'ms')} (target ≤ ${TARGET_MS} ms)`,
    ];
  } finally {
    await other.stop();
    await node.stop();
    await model.stop();
  }
};

/** How old the job's first delta was on arrival. Reads the stream to its end. */
const firstDelta = async (kazi: ServedKazi, jobId: string): Promise<number> => {
  let ageMs: number | undefined;
  await kazi.follow(`/jobs/${jobId}/events`, (event) => {
    if (event.type === 'message.delta') ageMs ??= Date.now() - event.at;
  });
  if (ageMs === undefined) throw new Error(`job ${jobId} ended without a delta`);
  return ageMs;
};
