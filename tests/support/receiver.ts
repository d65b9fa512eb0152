import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, type TestContext } from 'node:test';

/** One attempt as it arrived. */
export interface Received {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  /** Names as they were sent. */
  readonly headerNames: readonly string[];
  readonly body: string;
  readonly atMs: number;
}

/** What a receiver answers: a status, or whatever it likes to do with the response. */
export type Reply = number | ((response: ServerResponse, received: Received) => void);

export interface Receiver {
  readonly url: string;
  readonly received: readonly Received[];
  /** The first `count` attempts, once they have all come. */
  take(count: number): Promise<readonly Received[]>;
}

/** A real web server on loopback that takes webhooks: the replies one after another, the last one for ever. Ends with the test, or the file. */
export const startReceiver = async (replies: readonly Reply[] = [200], t?: TestContext): Promise<Receiver> => {
  const receiver = await openReceiver(replies);
  if (t) t.after(receiver.stop);
  else after(receiver.stop);
  return receiver;
};

/** The same for programs that are no tests: it ends when it is stopped. */
export const openReceiver = async (
  replies: readonly Reply[] = [200],
): Promise<Receiver & { readonly stop: () => void }> => {
  const received: Received[] = [];
  let wake = Promise.withResolvers<void>();
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const attempt: Received = {
        method: request.method ?? '',
        path: request.url ?? '',
        headers: request.headers,
        headerNames: request.rawHeaders.filter((_, place) => place % 2 === 0),
        body: Buffer.concat(chunks).toString('utf8'),
        atMs: performance.now(),
      };
      const reply = replies[Math.min(received.length, replies.length - 1)] ?? 200;
      received.push(attempt);
      if (typeof reply === 'number') response.writeHead(reply).end();
      else reply(response, attempt);
      wake.resolve();
      wake = Promise.withResolvers<void>();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = (): void => {
    server.closeAllConnections();
    server.close();
  };
  return {
    stop,
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`,
    received,
    take: async (count) => {
      while (received.length < count) await wake.promise;
      return received.slice(0, count);
    },
  };
};
