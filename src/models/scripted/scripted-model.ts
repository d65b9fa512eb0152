import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { anthropicMessages } from './anthropic-messages.ts';
import { ScriptedBatches } from './batches/scripted-batches.ts';
import { batchServer } from './batches/serve-batches.ts';
import { answerExchange } from './exchange.ts';
import { FaultCounter } from './fault-counter.ts';
import { openaiChat } from './openai-chat.ts';
import { openaiError } from './openai-error.ts';
import { openaiResponses } from './openai-responses.ts';
import { type LoggedRequest, RequestLog } from './request-log.ts';
import type { Script } from './script.ts';
import { WireError } from './wire-error.ts';
import type { WireFormat } from './wire-format.ts';

export interface ScriptedModelOptions {
  readonly script: Script;
  /** 127.0.0.1 when absent. */
  readonly host?: string | undefined;
  /** Any free one when absent. */
  readonly port?: number | undefined;
  /** The only API key that is let in; goes before the script's own. */
  readonly requiredKey?: string | undefined;
  /** Gets every request once, when it has ended. */
  readonly log?: ((request: LoggedRequest) => void) | undefined;
  /** Keeps the parsed body of every request in `requests`. */
  readonly keepBodies?: boolean | undefined;
}

/** A model server that is running. */
export interface ScriptedModel {
  /** `http://HOST:PORT`, without a path: every endpoint is there with and without `/v1`. */
  readonly url: string;
  /** What was asked, in order of arrival; live. */
  readonly requests: readonly LoggedRequest[];
  /** Resolves to the first request, of before or of later, that the test holds for. */
  readonly waitFor: RequestLog['waitFor'];
  /** Ends open streams and stops. Safe twice. */
  readonly stop: () => Promise<void>;
}

const FORMATS: readonly WireFormat[] = [openaiResponses, openaiChat, anthropicMessages];

/** A load test opens its connections all at once. */
const BACKLOG = 4096;

/** Serves a script over the wire formats of the providers. Rejects when the address cannot be listened on. */
export const startScriptedModel = async (options: ScriptedModelOptions): Promise<ScriptedModel> => {
  const { host = '127.0.0.1', port = 0 } = options;
  const log = new RequestLog(options.log);
  const faults = new FaultCounter();
  const batches = new ScriptedBatches({
    script: options.script,
    faults,
    log,
    keepsBodies: options.keepBodies ?? false,
  });
  const serveBatches = batchServer(batches);
  const running = new Set<Promise<void>>();
  const stopping = new AbortController();
  const server = createServer((request, response) => {
    const handled = handle({ request, response, log, faults, options, serveBatches, stopping: stopping.signal });
    running.add(handled);
    void handled.finally(() => running.delete(handled));
  });
  server.listen({ host, port, backlog: BACKLOG });
  await once(server, 'listening');
  let stopped: Promise<void> | undefined;
  return {
    url: urlOf(server),
    requests: log.requests,
    waitFor: async (test, waiting) => await log.waitFor(test, waiting),
    stop: async () => {
      stopping.abort();
      batches.stop();
      stopped ??= close(server);
      await stopped;
      await Promise.all(running);
    },
  };
};

const urlOf = (server: Server): string => {
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error(`found the address "${String(address)}"`);
  return `http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`;
};

const close = async (server: Server): Promise<void> => {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
};

interface Handling {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly log: RequestLog;
  readonly faults: FaultCounter;
  readonly options: ScriptedModelOptions;
  readonly serveBatches: ReturnType<typeof batchServer>;
  readonly stopping: AbortSignal;
}

/** Never rejects: what goes wrong is in the log. */
const handle = async (handling: Handling): Promise<void> => {
  const { request, response, log, faults, options, stopping } = handling;
  const path = (request.url ?? '').replace(/\?.*$/s, '').replace(/^\/v1(?=\/)/, '');
  const format = request.method === 'POST' ? FORMATS.find((one) => one.path === path) : undefined;
  const { script, keepBodies = false } = options;
  const requiredKey = options.requiredKey ?? script.requiredKey ?? null;
  if (format === undefined) {
    // Errors of a connection come with its close.
    response.on('error', () => {});
    if (!(await handling.serveBatches({ path, request, response, requiredKey }))) answerOther(path, handling);
    return;
  }
  const note = log.open({ format: format.name, hadKey: format.keyOf(request.headers) !== null });
  const gone = new AbortController();
  response.once('close', () => {
    if (response.writableFinished) return;
    note({ clientLeft: !stopping.aborted });
    gone.abort(new Error('the connection is gone'));
  });
  // Errors of a connection come with its close.
  response.on('error', () => {});
  const { signal } = gone;
  try {
    await answerExchange({
      script,
      requiredKey,
      faults,
      format,
      request,
      response,
      note,
      keepBody: keepBodies,
      signal,
    });
  } catch {
    // The connection is gone, and with it whoever could be told.
    note({ result: 'abandoned' });
  }
};

const answerOther = (path: string, { request, response, log, options }: Handling): void => {
  request.resume();
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  if (isRead && path === '/_log') return sendJson(response, 200, log.requests);
  if (isRead && path === '/models') return sendJson(response, 200, listModels(request, options.script));
  const message = `Invalid URL (${request.method} ${request.url}); expected POST ${FORMATS.map((one) => `/v1${one.path}`).join(', ')}, the endpoints of files and batches, GET /v1/models or GET /_log`;
  const error = new WireError(404, message, { code: 'unknown_url' });
  const isAnthropic = request.headers['anthropic-version'] !== undefined;
  const named = new WireError(404, message);
  sendJson(response, 404, isAnthropic ? anthropicMessages.error(named) : openaiError(error));
};

const listModels = (request: IncomingMessage, { models, conversations }: Script): unknown => {
  const named = conversations.flatMap(({ when }) => when?.model ?? []);
  const ids = models ?? [...new Set(named.length > 0 ? named : ['scripted'])];
  if (request.headers['anthropic-version'] === undefined) {
    return { object: 'list', data: ids.map((id) => ({ id, object: 'model', created: 0, owned_by: 'kazi' })) };
  }
  const data = ids.map((id) => ({ type: 'model', id, display_name: id, created_at: '1970-01-01T00:00:00Z' }));
  return { data, has_more: false, first_id: ids[0] ?? null, last_id: ids.at(-1) ?? null };
};

const sendJson = (response: ServerResponse, status: number, body: unknown): void => {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
};
