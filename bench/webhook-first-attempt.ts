import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Node } from '../src/app/node.ts';
import { type BenchServer, startBenchNode, submit } from './bench-node.ts';
import { showSpread, spreadOf } from './statistics.ts';

const WARM_UP = 20;

/** Time from the committed end of a job to the arrival of its webhook, one job at a time: alone, and while other endpoints hang. */
export const benchWebhookFirstAttempt = async (
  server: BenchServer,
  load: { readonly samples: number; readonly hanging: number },
): Promise<string[]> => {
  const databaseUrl = await server.createDatabase();
  const node = await startBenchNode({ server, databaseUrl, flags: { allowPrivateWebhooks: 'true' } });
  const sites: Server[] = [];
  const serve = async (answer: RequestListener): Promise<string> => {
    const site = createServer(answer).listen(0, '127.0.0.1');
    sites.push(site);
    await once(site, 'listening');
    return `http://127.0.0.1:${(site.address() as AddressInfo).port}/`;
  };
  try {
    const alone = await measure(node, serve, load.samples);
    let hung = 0;
    const all = Promise.withResolvers<void>();
    for (let number = 0; number < load.hanging; number += 1) {
      const webhookUrl = await serve(() => {
        hung += 1;
        if (hung === load.hanging) all.resolve();
      });
      await submit(node, { tenantId: 'hanging', agent: 'echo', question: 'x', webhookUrl });
    }
    await all.promise;
    const beside = await measure(node, serve, load.samples);
    return [
      `event → first webhook attempt (${load.samples} jobs, one at a time)   ${showSpread(spreadOf(alone), 'ms')}`,
      `the same while ${load.hanging} other endpoints hang                ${showSpread(spreadOf(beside), 'ms')}`,
    ];
  } finally {
    for (const site of sites) {
      site.closeAllConnections();
      site.close();
    }
    await node.stop();
  }
};

const measure = async (
  node: Node,
  serve: (answer: RequestListener) => Promise<string>,
  samples: number,
): Promise<number[]> => {
  let arrived: ((atMs: number) => void) | undefined;
  const webhookUrl = await serve((request, response) => {
    arrived?.(performance.now());
    request.resume();
    response.end();
  });
  let endedAtMs = 0;
  const unsubscribe = node.engine?.onJobEnded(() => {
    endedAtMs = performance.now();
  });
  const waits: number[] = [];
  for (let number = -WARM_UP; number < samples; number += 1) {
    const arrival = new Promise<number>((resolve) => {
      arrived = resolve;
    });
    await submit(node, { tenantId: 'measured', agent: 'echo', question: 'x', webhookUrl });
    const atMs = await arrival;
    if (number >= 0) waits.push(atMs - endedAtMs);
  }
  unsubscribe?.();
  return waits;
};
