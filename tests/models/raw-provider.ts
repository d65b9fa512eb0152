import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as a provider of these tests got it. */
export interface ProviderRequest {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: unknown;
}

/** A provider whose every byte the test writes itself, for what no well-behaved one would do. */
export interface RawProvider extends AsyncDisposable {
  /** Without a path. */
  readonly url: string;
  readonly requests: readonly ProviderRequest[];
}

export type RawAnswer = (response: ServerResponse, request: ProviderRequest) => void;

/** Starts one on a free port; `answer` is called for each request, once its body is there. */
export const startRawProvider = async (answer: RawAnswer): Promise<RawProvider> => {
  const requests: ProviderRequest[] = [];
  const server = createServer((message, response) => {
    const chunks: Buffer[] = [];
    message.on('data', (chunk: Buffer) => chunks.push(chunk));
    message.on('end', () => {
      const body: unknown = JSON.parse(Buffer.concat(chunks).toString());
      const request = { path: message.url ?? '', headers: message.headers, body };
      requests.push(request);
      answer(response, request);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
};

/** Begins a stream of server-sent events. */
export const beginStream = (response: ServerResponse): void => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
};

/** One data line, as the chat protocol and Google send it. */
export const sendData = (response: ServerResponse, data: unknown): void => {
  response.write(`data: ${JSON.stringify(data)}\n\n`);
};
