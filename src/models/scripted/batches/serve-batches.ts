import type { IncomingMessage, ServerResponse } from 'node:http';
import { newId } from '../new-id.ts';
import { WireError } from '../wire-error.ts';
import { ANTHROPIC_BATCH_ROUTES } from './anthropic-batches.ts';
import type { BatchReply, BatchRoute } from './batch-route.ts';
import { openaiBatchRoutes } from './openai-batches.ts';
import { ScriptedFiles } from './openai-files.ts';
import type { ScriptedBatches } from './scripted-batches.ts';

interface Served {
  /** Without `/v1`. */
  readonly path: string;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly requiredKey: string | null;
}

/** Answers requests to the batch endpoints of both providers; false for one to any other. Never rejects. */
export const batchServer = (batches: ScriptedBatches): ((served: Served) => Promise<boolean>) => {
  const routes = [...openaiBatchRoutes(new ScriptedFiles()), ...ANTHROPIC_BATCH_ROUTES];
  return async (served) => {
    const { path, request, response } = served;
    const route = routes.find(({ method, path: pattern }) => method === request.method && pattern.test(path));
    if (route === undefined) return false;
    try {
      const id = decodeURIComponent(route.path.exec(path)?.[1] ?? '');
      checkKey(route, served);
      const query = new URL(request.url ?? '', 'http://localhost').searchParams;
      send(response, route, await route.answer({ request, id, query, batches }));
    } catch (error) {
      if (response.destroyed) return true;
      const known = error instanceof WireError ? error : new WireError(500, `The fake model failed: ${String(error)}`);
      request.resume();
      const retry =
        known.retryAfterSeconds === null ? {} : { 'retry-after': String(Math.ceil(known.retryAfterSeconds)) };
      response
        .writeHead(known.status, { ...headersOf(route), ...retry })
        .end(JSON.stringify(route.format.error(known)));
    }
    return true;
  };
};

const checkKey = ({ format }: BatchRoute, { request, requiredKey }: Served): void => {
  const key = format.keyOf(request.headers);
  if (key === null) throw new WireError(401, 'An API key is required.');
  if (requiredKey !== null && key !== requiredKey) throw new WireError(401, 'Incorrect API key provided.');
};

const send = (response: ServerResponse, route: BatchRoute, reply: BatchReply): void => {
  if ('lost' in reply) {
    if (reply.lost === 'cut') response.socket?.destroy();
    return;
  }
  if ('json' in reply) response.writeHead(200, headersOf(route)).end(JSON.stringify(reply.json));
  else response.writeHead(200, { ...headersOf(route), 'content-type': reply.contentType }).end(reply.text);
};

const headersOf = ({ format }: BatchRoute): Readonly<Record<string, string>> => ({
  'content-type': 'application/json',
  ...format.headers(newId('req_')),
});
