import { type IncomingHttpHeaders, request as startRequest } from 'node:http';

/** A request as it goes over the wire: nothing is normalised or added but the Host. */
export interface WireRequest {
  readonly method?: string;
  /** Path and query, sent as they are. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer | Readonly<Record<string, unknown>>;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly bytes: Buffer;
  /** The body as a JSON object. */
  readonly json: Readonly<Record<string, unknown>>;
}

export const bearer = (credential: string): Readonly<Record<string, string>> => ({
  authorization: `Bearer ${credential}`,
});

/** Headers that ask for a WebSocket. */
export const UPGRADE: Readonly<Record<string, string>> = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'a2F6aSB0ZXN0cyBzb2NrZQ==',
};

/** Sends a request on a connection of its own and reads the whole answer. */
export const send = async (
  baseUrl: string,
  { method = 'GET', path, headers = {}, body }: WireRequest,
): Promise<Answer> => {
  const bytes = toBytes(body);
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const { hostname, port } = new URL(baseUrl);
  const lengthHeader = bytes === null ? {} : { 'content-length': String(bytes.length) };
  const outgoing = startRequest(
    { hostname, port, method, path, agent: false, headers: { ...lengthHeader, ...headers } },
    (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const all = Buffer.concat(chunks);
        const text = all.toString('utf8');
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          text,
          bytes: all,
          get json() {
            return JSON.parse(text) as Record<string, unknown>;
          },
        });
      });
    },
  );
  // A socket that opened is only noted: tests of sockets have a client of their own.
  outgoing.on('upgrade', (response, socket) => {
    socket.destroy();
    const { statusCode = 0, headers } = response;
    resolve({ status: statusCode, headers, text: '', bytes: Buffer.alloc(0), json: {} });
  });
  outgoing.on('error', reject);
  outgoing.end(bytes ?? undefined);
  return await promise;
};

const toBytes = (body: WireRequest['body']): Buffer | null => {
  if (body === undefined) return null;
  if (Buffer.isBuffer(body)) return body;
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
};
