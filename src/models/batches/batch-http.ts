import type { z } from 'zod';
import { retryAfterMs } from '../retry-after.ts';

/** One provider's endpoint for files and batches. */
export interface BatchEndpoint {
  /** Without a slash at its end. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly fetch: typeof globalThis.fetch;
}

/** An answer of HTTP that is an error. Its message has the status alone: bodies may repeat keys. */
export class BatchHttpError extends Error {
  readonly status: number;
  readonly body: string;
  readonly retryAfterMs: number | null;

  constructor(answer: { readonly status: number; readonly body: string; readonly retryAfterMs: number | null }) {
    super(`the provider answered with status ${answer.status}`);
    this.name = 'BatchHttpError';
    this.status = answer.status;
    this.body = answer.body;
    this.retryAfterMs = answer.retryAfterMs;
  }
}

interface Call<Schema extends z.ZodType> {
  readonly path: string;
  readonly signal: AbortSignal;
  readonly answer: Schema;
  /** POST when there is one. */
  readonly body?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Asks for JSON. Rejects with BatchHttpError, or whatever the connection did. */
export const askJson = async <Schema extends z.ZodType>(
  endpoint: BatchEndpoint,
  { path, signal, answer, body, headers = {} }: Call<Schema>,
): Promise<z.infer<Schema>> => {
  const response = await send(endpoint, { path, signal, ...(body === undefined ? {} : { body }), headers });
  return answer.parse(await response.json());
};

/** Asks for a file of lines of JSON, and gives each as it comes. */
export async function* readLines<Schema extends z.ZodType>(
  endpoint: BatchEndpoint,
  { path, signal, answer }: Call<Schema>,
): AsyncGenerator<z.infer<Schema>> {
  const response = await send(endpoint, { path, signal, headers: {} });
  const chunks: AsyncIterable<Uint8Array> | null = response.body;
  if (chunks === null) return;
  let rest = '';
  const decoder = new TextDecoder();
  for await (const chunk of chunks) {
    // Not by readline: it also ends lines at characters that may stand in a text of JSON.
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') yield answer.parse(JSON.parse(line));
  }
  if (rest.trim() !== '') yield answer.parse(JSON.parse(rest));
}

const send = async (
  { url, headers, fetch }: BatchEndpoint,
  request: Pick<Call<z.ZodType>, 'path' | 'signal' | 'body' | 'headers'>,
): Promise<Response> => {
  const { path, signal, body } = request;
  const response = await fetch(`${url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { ...headers, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...request.headers },
    ...(body === undefined ? {} : { body }),
    signal,
  });
  if (response.status >= 200 && response.status < 300) return response;
  const text = await response.text();
  const waitMs = retryAfterMs(Object.fromEntries(response.headers), text);
  throw new BatchHttpError({ status: response.status, body: text, retryAfterMs: waitMs });
};
