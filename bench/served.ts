import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { createParser } from 'eventsource-parser';
import type { BenchServer } from './bench-node.ts';

/** What a stream says of an event; `at` is the database's time in Unix milliseconds. */
interface ServedEvent {
  readonly type: string;
  readonly at: number;
}

/** A whole kazi in a process of its own, as users start it, and a client with kept-alive connections. */
export interface ServedKazi {
  readonly pid: number;
  /** Hands a job over, to the agent echo when none is named; gives its id. Throws for any answer but 200. */
  submit(question: string, agent?: string): Promise<string>;
  get(path: string): Promise<unknown>;
  /** Sends a body in chunks, each when the one before has been taken. Throws for any answer but 200. */
  post(path: string, body: Iterable<string>): Promise<Record<string, unknown>>;
  /** Reads an event stream to its end; each event is handed over as it arrives. */
  follow(path: string, onEvent: (event: ServedEvent) => void): Promise<void>;
  stop(): Promise<void>;
}

const launcher = new URL('../bin/kazi', import.meta.url).pathname;

/** Starts `bin/kazi serve` on a database of the bench server. */
export const serveKazi = async (
  server: BenchServer,
  options: { readonly clients: number; readonly env?: Readonly<Record<string, string>> },
): Promise<ServedKazi> => {
  const dataDir = await mkdtemp(join(server.folder, 'served-'));
  const child = spawn(decodeURIComponent(launcher), ['serve', '--port', '0', '--data-dir', dataDir], {
    env: { ...process.env, DATABASE_URL: await server.createDatabase(), KAZI_LOG_LEVEL: 'error', ...options.env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = await readyUrl(child, 'kazi');
  const key = (await readFile(join(dataDir, 'secrets', 'api-key'), 'utf8')).trim();
  const agent = new Agent({ keepAlive: true, maxSockets: options.clients });
  const call = async (method: string, path: string, body: Iterable<string> = []): Promise<Record<string, unknown>> =>
    await send({ url: new URL(path, url), method, agent, key, body });
  return {
    pid: child.pid ?? 0,
    submit: async (question, agentType = 'echo') => {
      const answer = await call('POST', '/submit', [JSON.stringify({ question, agent_type: agentType })]);
      return String(answer['job_id']);
    },
    get: async (path) => await call('GET', path),
    post: async (path, body) => await call('POST', path, body),
    follow: async (path, onEvent) => {
      const headers = { authorization: `Bearer ${key}`, accept: 'text/event-stream' };
      const response = await fetch(new URL(path, url), { headers });
      if (response.body === null || !response.ok) throw new Error(`GET ${path} answered ${response.status}`);
      const parser = createParser({ onEvent: ({ data }) => onEvent(JSON.parse(data) as ServedEvent) });
      for await (const text of response.body.pipeThrough(new TextDecoderStream())) parser.feed(text);
    },
    stop: async () => {
      agent.destroy();
      child.kill('SIGTERM');
      await once(child, 'exit');
    },
  };
};

/** The address that a command says it listens on, once it does. */
export const readyUrl = async (child: ChildProcess, name: string): Promise<string> => {
  if (!child.stdout) throw new Error('the server has no output');
  for await (const line of createInterface({ input: child.stdout })) {
    const [said, url] = line.split(' ready ');
    if (said === name && url !== undefined) return url;
  }
  throw new Error('the server ended before it was ready');
};

const send = async (call: {
  readonly url: URL;
  readonly method: string;
  readonly agent: Agent;
  readonly key: string;
  readonly body: Iterable<string>;
}): Promise<Record<string, unknown>> => {
  const { promise, resolve, reject } = Promise.withResolvers<Record<string, unknown>>();
  const headers = {
    authorization: `Bearer ${call.key}`,
    // Known where it is one piece.
    ...(Array.isArray(call.body) ? { 'content-length': Buffer.byteLength(call.body.join('')) } : {}),
  };
  const outgoing = request(call.url, { method: call.method, agent: call.agent, headers }, (response) => {
    let text = '';
    response.setEncoding('utf8');
    response.on('data', (chunk: string) => {
      text += chunk;
    });
    response.on('end', () => {
      if (response.statusCode === 200) resolve(JSON.parse(text) as Record<string, unknown>);
      else
        reject(new Error(`${call.method} ${call.url.pathname} answered ${response.statusCode}: ${text.slice(0, 200)}`));
    });
  });
  outgoing.on('error', reject);
  Readable.from(call.body).pipe(outgoing);
  return await promise;
};
