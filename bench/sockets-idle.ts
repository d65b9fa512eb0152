import { startBenchApp } from './bench-app.ts';
import type { BenchServer } from './bench-node.ts';
import { settledMemory } from './settled-memory.ts';
import { Subscribers } from './subscribers.ts';

/** Memory of WebSockets that wait: streams of sessions, and connections to the event bus that follow one each. */
export const benchIdleSockets = async (server: BenchServer, sockets: number): Promise<string[]> => {
  const app = await startBenchApp({ server, databaseUrl: await server.createDatabase() });
  const { url, apiKey } = app;
  const lines: string[] = [];
  try {
    const hold = async (label: string, path: (number: number) => string): Promise<void> => {
      const warm = await Subscribers.start({ kind: 'idle', url, apiKey, paths: [path(0)] });
      const before = settledMemory();
      const paths = Array.from({ length: sockets }, (_, number) => path(number));
      const startedAt = performance.now();
      const held = await Subscribers.start({ kind: 'idle', url, apiKey, paths });
      const seconds = (performance.now() - startedAt) / 1_000;
      const after = settledMemory();
      const heap = (after.heap - before.heap) / sockets / 1_024;
      const resident = (after.resident - before.resident) / sockets / 1_024;
      lines.push(
        `${sockets.toLocaleString('en-US')} idle ${label}   heap ${heap.toFixed(1)} kB each, resident ${resident.toFixed(1)} kB each, ${Math.round(sockets / seconds).toLocaleString('en-US')} opened/s`,
      );
      await held.stop();
      await warm.stop();
    };
    await hold('WebSockets of /query_stream', (number) => `/query_stream?session_id=idle-${number}`);
    await hold('WebSockets of /ws', (number) => `/ws?session_id=idle-${number}`);
    return lines;
  } finally {
    await app.stop();
  }
};
